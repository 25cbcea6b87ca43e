"""Taking a mammogram in: from a stream of bytes to a stored, checked, announced record."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Rejected, Unavailable
from patients.choices import ConsentPurpose
from patients.consents import ConsentWithdrawn, consent_state
from patients.history import breast_removed
from patients.models import Patient
from patients.services import check_open, claim_record
from scans.models import Exam, Mammogram, uid_of
from scans.sandbox import DecodedFile
from scans.services.identity import IdentityCheck, check_patient
from scans.services.receiving import decoded_file, put_away, received_file
from scans.services.refusals import (
    BirthAfterExam,
    DuplicatePixels,
    ExamAfterDeath,
    HeaderConflict,
    InvalidExamDate,
    PatientMismatch,
    PixelsOfAnotherPatient,
    SopInstanceConflict,
)
from scans.services.statement import Agreed, Statement, reconcile
from scans.signals import mammogram_stored
from scans.storage import ReceivedFile

INSERT_ATTEMPTS = 5
BREAST_REMOVED = "breast_removed"  # a flag from the record, beside those of the file gate


@dataclass(frozen=True)
class Stored:
    mammogram: Mammogram
    created: bool  # False: this very file was here already

    @property
    def breast_removed(self) -> bool:
        """The record says that there was no such breast any more on the day of the exam."""
        return BREAST_REMOVED in self.mammogram.flags


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
    agreed = reconcile(decoded.header, statement)
    _check_procedure_consent(patient, agreed.exam_date)
    identity = check_patient(decoded.header, patient, statement)
    mammogram, exam = _describe(received, decoded, agreed, patient, stored_by)
    mammogram.origin = statement.origin
    if breast_removed(patient.pk, laterality=agreed.laterality, on=agreed.exam_date):
        mammogram.flags.append(BREAST_REMOVED)
    _check_new(mammogram)
    with put_away(received, decoded):
        return _insert(mammogram, exam, stored_by, identity)


def _stored_before(patient: Patient, sha256: str) -> Mammogram | None:
    known = Mammogram.objects.filter(clinic_id=patient.clinic_id, sha256=sha256).first()
    if known and known.patient_id != patient.pk:
        raise _of_another_patient("This very file is stored under another patient.", known)
    return known


def _of_another_patient(detail: str, twin: Mammogram) -> PixelsOfAnotherPatient:
    return PixelsOfAnotherPatient(
        detail, patient_id=str(twin.patient_id), mammogram_id=str(twin.pk)
    )


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
    """Write the record; of two that race with one file, picture or study, the second finds the
    first."""
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
    Exam.objects.filter(pk=known.pk).note_change()
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
