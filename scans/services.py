"""Taking a mammogram in: from a stream of bytes to a stored, checked, announced record."""

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import (
    Conflict,
    Inconsistent,
    MammoTrackError,
    Rejected,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)
from patients.choices import ConsentPurpose
from patients.consents import ConsentWithdrawn, consent_state
from patients.history import breast_removed
from patients.models import Patient, normalise_record_number
from patients.names import fold
from patients.partial_dates import PartialDate
from patients.selectors import record_number_keys
from patients.services import check_open, claim_record
from scans import limits
from scans.choices import Identifier, Origin, View
from scans.errors import ScanFileError
from scans.header import MammogramHeader, agree
from scans.models import Exam, Mammogram, uid_of
from scans.sandbox import DecodedFile, decode_file
from scans.signals import mammogram_stored
from scans.storage import ObjectStore, ReceivedFile

INSERT_ATTEMPTS = 5
BREAST_REMOVED = "breast_removed"  # a flag from the record, beside those of the file gate
FEWEST_IDENTIFIERS = 2
MIN_REASON_CHARACTERS = 5


class HeaderConflict(Conflict):
    """The file says one thing and the form another; a person has to look."""

    code = "header_conflict"


class PatientMismatch(Conflict):
    """The file names somebody else."""

    code = "patient_mismatch"


class IdentityUnconfirmed(Rejected):
    """Neither the file nor a person says by two identifiers whose picture it is."""

    code = "identity_unconfirmed"


class PixelsOfAnotherPatient(Conflict):
    """One picture cannot be of two people: somebody has to find out whose it is."""

    code = "pixels_of_another_patient"


class DuplicatePixels(Conflict):
    code = "duplicate_pixels"


class SopInstanceConflict(Conflict):
    code = "sop_instance_conflict"


class MissingPosition(Rejected):
    code = "missing_position"


class InvalidExamDate(Rejected):
    code = "invalid_exam_date"


class BirthAfterExam(Inconsistent):
    code = "birth_after_exam"


class ExamAfterDeath(Inconsistent):
    code = "exam_after_death"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What the person who uploads says about the picture; None where the file shall tell."""

    laterality: str | None = None
    view: str | None = None
    exam_date: date | None = None
    accession_number: str | None = None
    pixel_spacing_mm: float | None = None
    confirmed_identifiers: tuple[str, ...] = ()  # what a person compared and found to agree
    identity_reason: str = ""  # why a file that names somebody else is this patient's all the same
    origin: str = Origin.ACQUIRED


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """What file and form say together."""

    laterality: str
    view: str
    exam_date: date
    accession_number: str | None
    pixel_spacing_mm: float | None


@dataclass(frozen=True, kw_only=True)
class IdentityCheck:
    """How it was made sure whose picture it is; goes into the audit entry."""

    confirmed_identifiers: list[str]
    identity_reason: str
    differing: list[str]


@dataclass(frozen=True)
class Stored:
    mammogram: Mammogram
    created: bool  # False: this very file was here already

    @property
    def breast_removed(self) -> bool:
        """The record says that there was no such breast any more on the day of the exam."""
        return BREAST_REMOVED in self.mammogram.flags


@cache
def object_store() -> ObjectStore:
    return ObjectStore(Path(settings.MEDIA_ROOT))


def store_mammogram(
    *, patient: Patient, chunks: Iterable[bytes], statement: Statement, stored_by: User
) -> Stored:
    """Check, decode and keep one file, then record it with its audit entry and announce it.

    The record is written only after the bytes are safe on disk, and the bytes of a refused
    file are removed, so an error leaves nothing behind. Sending the same file again answers
    with the record it made the first time.

    Raises
    ------
    Forbidden, Rejected, TooLarge, UnsupportedMedia, Conflict, Unavailable
        Each with the code that ``docs/limits.md`` explains.
    """
    require(stored_by, Permission.UPLOAD_SCANS)
    check_open(patient.pk)
    with received_file(chunks) as received:
        return keep_for(patient, received, statement=statement, stored_by=stored_by)


@contextmanager
def received_file(chunks: Iterable[bytes]) -> Iterator[ReceivedFile]:
    """The stream on disk, removed at the end unless it was committed. Errors are our own."""
    with _file_errors():
        store = object_store()
        received = store.receive(chunks, limit=limits.MAX_FILE_BYTES)
        try:
            yield received
        finally:
            store.discard(received)


@contextmanager
def decoded_file(received: ReceivedFile) -> Iterator[DecodedFile]:
    """What the decoder process makes of it; the pictures go at the end."""
    scratch = TemporaryDirectory(dir=object_store().scratch_folder(), prefix="decode-")
    with _file_errors(), scratch as folder:
        yield decode_file(received.path, Path(folder))


def keep_for(
    patient: Patient,
    received: ReceivedFile,
    *,
    statement: Statement,
    stored_by: User,
    decoded: DecodedFile | None = None,
) -> Stored:
    """Store a received file as this patient's, or the record it made before."""
    try:
        if known := _stored_before(patient, received.sha256):
            return Stored(known, created=False)
        if decoded:
            return _keep(received, decoded, patient, statement, stored_by)
        with decoded_file(received) as opened:
            return _keep(received, opened, patient, statement, stored_by)
    except PixelsOfAnotherPatient as error:
        _raise_alert(patient, error, stored_by)
        raise


def _keep(
    received: ReceivedFile,
    decoded: DecodedFile,
    patient: Patient,
    statement: Statement,
    stored_by: User,
) -> Stored:
    agreed = _reconcile(decoded.header, statement)
    _check_procedure_consent(patient, agreed.exam_date)
    identity = _check_patient(decoded.header, patient, statement)
    mammogram, exam = _describe(received, decoded, agreed, patient, stored_by)
    mammogram.origin = statement.origin
    if breast_removed(patient.pk, laterality=agreed.laterality, on=agreed.exam_date):
        mammogram.flags.append(BREAST_REMOVED)
    _check_new(mammogram)
    put_away(received, decoded)
    return _insert(mammogram, exam, stored_by, identity)


def put_away(received: ReceivedFile, decoded: DecodedFile) -> None:
    """Give the file and its pictures their lasting places."""
    store = object_store()
    store.commit(received)
    store.put_derived(received.sha256, decoded.pictures)


def _stored_before(patient: Patient, sha256: str) -> Mammogram | None:
    known = Mammogram.objects.filter(clinic_id=patient.clinic_id, sha256=sha256).first()
    if known and known.patient_id != patient.pk:
        raise _of_another_patient("This very file is stored under another patient.", known)
    return known


def _of_another_patient(detail: str, twin: Mammogram) -> PixelsOfAnotherPatient:
    return PixelsOfAnotherPatient(
        detail, patient_id=str(twin.patient_id), mammogram_id=str(twin.pk)
    )


def _reconcile(header: MammogramHeader, statement: Statement) -> Agreed:
    """The file fills what the form leaves out; a contradiction is for a person to settle."""
    values: dict[str, Any] = {}
    contradictions = {}
    for field in dataclasses.fields(Agreed):
        in_file, in_form = getattr(header, field.name), getattr(statement, field.name)
        if in_file and in_form and not agree(in_file, in_form):
            contradictions[field.name] = {"file": str(in_file), "form": str(in_form)}
        values[field.name] = in_file or in_form
    if contradictions:
        names = ", ".join(sorted(contradictions))
        raise HeaderConflict(
            f"The file and the form contradict each other: {names}.", fields=contradictions
        )
    missing = [name for name in ("laterality", "view", "exam_date") if not values[name]]
    if missing:
        raise MissingPosition(
            _("Neither the file nor the form says: %(names)s.") % {"names": ", ".join(missing)},
            fields=missing,
        )
    if values["view"] not in View.values:
        sentence = _("The view %(view)s is not supported.") % {"view": values["view"]}
        raise Rejected(sentence, code="unsupported_view")
    return Agreed(**values)


def _check_patient(
    header: MammogramHeader, patient: Patient, statement: Statement
) -> IdentityCheck:
    """Hold the file's identity against the chosen patient's, and ask for two identifiers.

    A file that states two of record number, birth date and name, as the patient's, needs nobody
    to confirm them. A file that differs is refused unless a person says why it is right.
    """
    pairs = {
        "medical_record_number": (
            normalise_record_number(header.patient_id or ""),
            record_number_keys(patient),
        ),
        "birth_date": (header.patient_birth_date, patient.born),
        "sex": (header.patient_sex, patient.sex),
    }
    stated = {name: pair for name, pair in pairs.items() if pair[0]}
    differing = sorted(name for name, pair in stated.items() if not _same(*pair))
    reason = statement.identity_reason.strip()
    if differing and len(reason) < MIN_REASON_CHARACTERS:
        table = {
            name: {"file": str(in_file or ""), "record": _in_words(on_record)}
            for name, (in_file, on_record) in pairs.items()
        }
        table["medical_record_number"] = {  # compared by its signs, told as it is written
            "file": header.patient_id or "",
            "record": patient.medical_record_number,
        }
        raise PatientMismatch(
            "The file names another patient: " + ", ".join(differing) + " differ.",
            fields={name: table[name] for name in differing},
            compared=table,
        )
    by_file = {name for name in stated if name in Identifier.values} - set(differing)
    if header.patient_name and agrees_with_name(header.patient_name, patient):
        by_file.add(Identifier.NAME)  # another name is no contradiction: people marry
    confirmed = sorted(by_file | set(statement.confirmed_identifiers) & set(Identifier.values))
    if len(confirmed) < FEWEST_IDENTIFIERS:
        raise IdentityUnconfirmed(
            "Compare two identifiers of the patient with the request, and say which.",
            confirmed=confirmed,
            needed=FEWEST_IDENTIFIERS,
        )
    return IdentityCheck(
        confirmed_identifiers=confirmed,
        identity_reason=reason if differing else "",
        differing=differing,
    )


def _same(in_file: object, on_record: object) -> bool:
    if isinstance(in_file, date) and isinstance(on_record, PartialDate):
        return on_record.may_be(in_file)
    return in_file in on_record if isinstance(on_record, set) else in_file == on_record


def agrees_with_name(in_file: str, patient: Patient) -> bool:
    """``family^given``, whatever the case and the accents."""
    family, _, given = in_file.partition("^")
    return (fold(family), fold(given)) == (fold(patient.family_name), fold(patient.given_name))


def _in_words(on_record: object) -> str:
    return ", ".join(sorted(on_record)) if isinstance(on_record, set) else str(on_record)


def _describe(
    received: ReceivedFile,
    decoded: DecodedFile,
    agreed: Agreed,
    patient: Patient,
    stored_by: User,
) -> tuple[Mammogram, Exam]:
    header, exam_date = decoded.header, agreed.exam_date
    if exam_date > timezone.localdate():
        raise InvalidExamDate("The exam date lies in the future.")
    check_exam_within_life(patient, exam_date)
    study = header.study_instance_uid or uid_of(f"{patient.pk}:{exam_date}")
    exam = Exam(
        clinic_id=patient.clinic_id,
        patient=patient,
        exam_date=exam_date,
        accession_number=agreed.accession_number or "",
        study_instance_uid=study,
    )
    mammogram = Mammogram(
        clinic_id=patient.clinic_id,
        patient=patient,
        exam=exam,
        exam_date=exam_date,
        laterality=agreed.laterality,
        view=agreed.view,
        sop_instance_uid=header.sop_instance_uid or uid_of(received.sha256),
        series_instance_uid=header.series_instance_uid or "",
        file_format=header.file_format,
        sha256=received.sha256,
        pixel_sha256=decoded.pixel_sha256,
        size_bytes=received.size,
        rows=header.rows,
        columns=header.columns,
        bits_stored=header.bits_stored,
        pixel_spacing_mm=agreed.pixel_spacing_mm,
        manufacturer=(header.manufacturer or "")[:64],
        device_model=(header.device_model or "")[:64],
        flags=list(header.flags),
        stored_by=stored_by,
    )
    try:
        mammogram.clean_fields(exclude=["clinic", "patient", "exam", "stored_by"])
        exam.clean_fields(exclude=["clinic", "patient"])
    except ValidationError as error:
        raise Rejected(
            "Some values of the file are not valid.", code="invalid", errors=error.message_dict
        ) from error
    return mammogram, exam


def _check_procedure_consent(patient: Patient, exam_date: date) -> None:
    """Pictures taken before the patient said no may still be stored."""
    state = consent_state(patient.pk, ConsentPurpose.PROCEDURE)
    if state.latest and not state.allowed and exam_date >= state.latest.decided_on:
        raise ConsentWithdrawn(
            "The patient withdrew consent to mammography before this exam.",
            purpose=ConsentPurpose.PROCEDURE,
        )


def check_exam_within_life(patient: Patient, exam_date: date) -> None:
    if exam_date < patient.birth_date:
        raise BirthAfterExam("The exam lies before the patient's birth.")
    if patient.deceased_date and exam_date > patient.deceased_date:
        raise ExamAfterDeath("The exam lies after the patient's death.")


def _check_new(mammogram: Mammogram) -> None:
    in_clinic = Mammogram.objects.filter(clinic_id=mammogram.clinic_id).exclude(
        sha256=mammogram.sha256  # the very same file, stored a moment ago, is not a conflict
    )
    twin = in_clinic.filter(pixel_sha256=mammogram.pixel_sha256).first()
    if twin and twin.patient_id != mammogram.patient_id:
        raise _of_another_patient("The same picture is stored under another patient.", twin)
    if twin:
        raise DuplicatePixels("The same picture is stored already.", mammogram_id=str(twin.pk))
    if in_clinic.filter(sop_instance_uid=mammogram.sop_instance_uid).exists():
        raise SopInstanceConflict("Another file with this SOP Instance UID is stored already.")


def _insert(mammogram: Mammogram, exam: Exam, stored_by: User, identity: IdentityCheck) -> Stored:
    """Write the record; of two that race with one file or one study, the second finds the first."""
    for _attempt in range(INSERT_ATTEMPTS):
        if known := _stored_before(mammogram.patient, mammogram.sha256):
            return Stored(known, created=False)
        _check_new(mammogram)
        try:
            _write(mammogram, exam, stored_by, identity)
        except IntegrityError:
            continue
        return Stored(mammogram, created=True)
    raise Unavailable("The record is busy. Try again in a moment.")


@retry_on_conflict
def _write(mammogram: Mammogram, exam: Exam, stored_by: User, identity: IdentityCheck) -> None:
    with atomic():
        claim_record(mammogram.patient_id)
        mammogram.exam = _exam_of(exam)
        mammogram.save(force_insert=True)
        audit.record(
            Action.MAMMOGRAM_STORED,
            subject=mammogram,
            clinic_id=mammogram.clinic_id,
            patient_id=mammogram.patient_id,
            actor=stored_by,
            sha256=mammogram.sha256,
            position=str(mammogram.position),
            confirmed_identifiers=identity.confirmed_identifiers,
            differing=identity.differing,
            private=(
                {"identity_reason": identity.identity_reason} if identity.identity_reason else None
            ),
        )
        mammogram_stored.send(sender=Mammogram, mammogram=mammogram, stored_by=stored_by)


def _exam_of(wanted: Exam) -> Exam:
    known = Exam.objects.filter(
        clinic_id=wanted.clinic_id, study_instance_uid=wanted.study_instance_uid
    ).first()
    if known is None:
        wanted.save(force_insert=True)
        return wanted
    if known.patient_id != wanted.patient_id:
        raise PatientMismatch("This study belongs to another patient.")
    if known.exam_date != wanted.exam_date:
        raise HeaderConflict("This study is on record with another exam date.")
    return known


def _raise_alert(patient: Patient, error: PixelsOfAnotherPatient, actor: User) -> None:
    """Nothing is stored, but that one picture was offered for two people stays on record."""
    audit.record(
        Action.IDENTITY_ALERT,
        subject=patient,
        clinic_id=patient.clinic_id,
        patient_id=patient.pk,
        actor=actor,
        other_patient_id=error.context["patient_id"],
        mammogram_id=error.context["mammogram_id"],
    )


@contextmanager
def _file_errors() -> Iterator[None]:
    try:
        yield
    except ScanFileError as error:
        raise _as_ours(error) from error


def _as_ours(error: ScanFileError) -> MammoTrackError:
    kinds: dict[str, type[MammoTrackError]] = {
        "file_too_large": TooLarge,
        "unsupported_file_type": UnsupportedMedia,
        "storage_full": Unavailable,
    }
    return kinds.get(error.code, Rejected)(error.detail, code=error.code, **error.context)
