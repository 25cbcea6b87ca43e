"""Doctors' own categories of an exam before the computer's, and what settles their difference."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import IntegrityError

from analysis.blinding import opened_pictures, require_read
from analysis.choices import ReadCategory
from analysis.models import Arbitration, Reading
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, Rejected, StaleVersion
from patients.services import claim_record
from scans.models import Exam, Mammogram

MIN_REASON_CHARACTERS = 5


class NotReadBlind(Conflict):
    code = "not_read_blind"


class AlreadyRead(Conflict):
    code = "already_read"


class NothingToArbitrate(Conflict):
    code = "nothing_to_arbitrate"


class OwnReading(Conflict):
    code = "own_reading"


@retry_on_conflict
def record_reading(
    exam: Exam, *, categories: Mapping[str, str], pictures: Sequence[UUID], reader: User
) -> list[Reading]:
    """Put a doctor's own category of each breast of an exam on record, all of them or none.

    Parameters
    ----------
    categories : mapping of laterality to category
        One for each breast of which the exam has pictures.
    pictures : sequence of UUID
        The exam's pictures that were looked at.

    Raises
    ------
    Forbidden
        The user may not read.
    NotReadBlind
        The clinic shows the computer's category at once.
    AlreadyRead
        There is no picture that the reader has not read.
    StaleVersion
        The exam has other pictures by now.
    Rejected
        A breast lacks a category, or there is none of that name.
    """
    require(reader, Permission.RECORD_READINGS)
    if exam.clinic_id not in reader.blind_clinics:
        raise NotReadBlind("This clinic does not read before the computer does.")
    breasts = dict(Mammogram.objects.filter(exam=exam).values_list("pk", "laterality"))
    if set(pictures) != set(breasts):
        raise StaleVersion("The exam has other pictures by now. Load it again and look.")
    if not set(breasts) - set(opened_pictures(reader, of=[exam.patient_id])):
        raise AlreadyRead("You have read this exam.")
    if set(categories) != set(breasts.values()) or not set(categories.values()) <= set(
        ReadCategory.values
    ):
        raise Rejected("Give a category for each breast of the exam.", code="invalid_choice")
    try:
        with atomic():
            claim_record(exam.patient_id)
            return [
                _save(exam, laterality, category, reader)
                for laterality, category in sorted(categories.items())
            ]
    except IntegrityError as error:
        raise AlreadyRead("You have read this exam.") from error


@retry_on_conflict
def arbitrate(
    exam: Exam, *, laterality: str, category: str, reason: str, arbiter: User
) -> Arbitration:
    """Settle a breast that two readers saw differently.

    Raises
    ------
    Forbidden
        The user may not read, or has not read the exam (``reading_due``).
    NothingToArbitrate
        Fewer than two readings, or they agree, or it is settled.
    OwnReading
        One of the two is the arbiter's own.
    Rejected
        There is no such category, or no reason.
    """
    require(arbiter, Permission.RECORD_READINGS)
    require_read(arbiter, Mammogram.objects.filter(exam=exam))
    if category not in ReadCategory.values:
        raise Rejected("There is no such category.", code="invalid_choice")
    if len(reason.strip()) < MIN_REASON_CHARACTERS:
        raise Rejected("Say what decided it, in a few words.", code="reason_required")
    first_two = first_readings(exam, laterality)[:2]
    if len({reading.category for reading in first_two}) < 2:
        raise NothingToArbitrate("No two readings of this breast differ.")
    if arbiter.pk in {reading.reader_id for reading in first_two}:
        raise OwnReading("Another doctor than the two readers settles it.")
    arbitration = Arbitration(
        clinic_id=exam.clinic_id,
        patient_id=exam.patient_id,
        exam=exam,
        laterality=laterality,
        category=category,
        reason=reason.strip(),
        arbiter=arbiter,
    )
    try:
        with atomic():
            claim_record(exam.patient_id)
            arbitration.save(force_insert=True)
            _record(Action.READING_ARBITRATED, arbitration, arbiter)
    except IntegrityError as error:
        raise NothingToArbitrate("It is settled already.") from error
    return arbitration


def first_readings(exam: Exam, laterality: str) -> list[Reading]:
    """Each reader's first, in the order of reading."""
    found = Reading.objects.filter(exam=exam, laterality=laterality, revision=1)
    return list(found.order_by("created_at", "pk"))


def _save(exam: Exam, laterality: str, category: str, reader: User) -> Reading:
    before = Reading.objects.filter(exam=exam, laterality=laterality, reader=reader).count()
    looked_at = Mammogram.objects.filter(
        patient_id=exam.patient_id, laterality=laterality, exam_date__lte=exam.exam_date
    )
    reading = Reading(
        clinic_id=exam.clinic_id,
        patient_id=exam.patient_id,
        exam=exam,
        laterality=laterality,
        category=category,
        revision=before + 1,
        pictures=sorted(key.hex for key in looked_at.values_list("pk", flat=True)),
        reader=reader,
    )
    reading.save(force_insert=True)
    _record(Action.READING_RECORDED, reading, reader)
    return reading


def _record(action: Action, read: Reading | Arbitration, by: User) -> None:
    audit.record(
        action,
        subject=read,
        clinic_id=read.clinic_id,
        patient_id=read.patient_id,
        actor=by,
        exam_id=str(read.exam_id),
        laterality=read.laterality,
        category=read.category,
    )
