"""Files that machines send: whose they are the file itself has to say, or a person.

No patient is ever made from a file. A file that does not name one patient of the clinic, by two
identifiers that agree, is kept unmatched until a person has compared both and attaches it.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, Rejected
from mammotrack.models import now
from patients.models import Patient, normalise_record_number
from patients.selectors import patient_of_number
from patients.services import check_open
from scans.choices import DiscardReason, Mismatch, UnmatchedState
from scans.header import MammogramHeader
from scans.models import Mammogram, UnmatchedFile
from scans.sandbox import DecodedFile
from scans.services import (
    IdentityUnconfirmed,
    PatientMismatch,
    Statement,
    Stored,
    agrees_with_name,
    decoded_file,
    keep_for,
    object_store,
    put_away,
    received_file,
    remove_unused,
)
from scans.storage import ReceivedFile

IDENTITY = ("patient_id", "patient_name", "patient_birth_date", "patient_sex")


class ClinicUnclear(Rejected):
    """A machine sends for one clinic: its user belongs to none, or to several."""

    code = "clinic_unclear"


class OtherStudy(Rejected):
    code = "other_study"


class AlreadyResolved(Conflict):
    code = "already_resolved"


def clinic_of(sender: User) -> UUID:
    """The one clinic that a machine's user sends for."""
    require(sender, Permission.UPLOAD_SCANS)
    if len(sender.clinic_ids) != 1:
        raise ClinicUnclear(
            "Who sends pictures without naming a patient has to belong to exactly one clinic.",
            clinics=len(sender.clinic_ids),
        )
    return sender.clinic_ids[0]


def take_arrival(
    chunks: Iterable[bytes], *, sent_by: User, study_instance_uid: str | None = None
) -> Stored | UnmatchedFile:
    """Store one DICOM file for the patient it names, or keep it unmatched.

    The very same file sent again changes nothing. ``study_instance_uid`` is the study that the
    sender says it belongs to.

    Raises what ``store_mammogram`` raises, but for an identity that is not clear.
    """
    clinic_id = clinic_of(sent_by)
    with received_file(chunks) as received:
        if known := _known(clinic_id, received.sha256):
            return known
        with decoded_file(received) as decoded:
            header = decoded.header
            if study_instance_uid and header.study_instance_uid != study_instance_uid:
                raise OtherStudy("The file is not of the study in the address.")
            patient = patient_of_number(clinic_id, header.patient_id or "")
            if patient is None:
                return _keep_unmatched(
                    received, decoded, clinic_id, Mismatch.UNKNOWN_PATIENT, sent_by
                )
            check_open(patient.pk)
            try:
                return keep_for(
                    patient, received, decoded=decoded, statement=Statement(), stored_by=sent_by
                )
            except (PatientMismatch, IdentityUnconfirmed) as error:
                reason = Mismatch(error.problem_code)
                return _keep_unmatched(received, decoded, clinic_id, reason, sent_by)


def _known(clinic_id: UUID, sha256: str) -> Stored | UnmatchedFile | None:
    mammogram = Mammogram.objects.filter(clinic_id=clinic_id, sha256=sha256).first()
    if mammogram:
        return Stored(mammogram, created=False)
    return UnmatchedFile.objects.filter(
        clinic_id=clinic_id, sha256=sha256, state=UnmatchedState.WAITING
    ).first()


def _keep_unmatched(
    received: ReceivedFile, decoded: DecodedFile, clinic_id: UUID, reason: Mismatch, sent_by: User
) -> UnmatchedFile:
    file = UnmatchedFile(
        clinic_id=clinic_id,
        sha256=received.sha256,
        size_bytes=received.size,
        reason=reason,
        header=decoded.header.as_json(),
        received_by=sent_by,
    )
    with put_away(received, decoded):
        try:
            return _write(file, sent_by)
        except IntegrityError:  # it was here before: discarded, or sent twice at once
            known = UnmatchedFile.objects.get(clinic_id=clinic_id, sha256=file.sha256)
            return _wait_again(known, file)


@retry_on_conflict
def _write(file: UnmatchedFile, sent_by: User) -> UnmatchedFile:
    with atomic():
        file.save(force_insert=True)
        _note(Action.FILE_UNMATCHED, file, sent_by, reason=file.reason)
    return file


@retry_on_conflict
def _wait_again(file: UnmatchedFile, sent: UnmatchedFile) -> UnmatchedFile:
    with atomic():
        reopened = UnmatchedFile.objects.filter(pk=file.pk, state=UnmatchedState.DISCARDED).update(
            state=UnmatchedState.WAITING,
            reason=sent.reason,
            header=sent.header,
            resolved_by=None,
            resolved_at=None,
        )
        if reopened:
            _note(Action.FILE_UNMATCHED, file, sent.received_by, reason=sent.reason)
    file.refresh_from_db()
    return file


def attach_file(
    file: UnmatchedFile, patient: Patient, *, statement: Statement, attached_by: User
) -> Stored:
    """Store the file as this patient's, on the word of a person who compared both.

    The statement says by which identifiers, and why a file that names somebody else is this
    patient's all the same. Who the file named, and who the record names, is sealed in the trail.
    """
    require(attached_by, Permission.MATCH_FILES)
    if file.state != UnmatchedState.WAITING or file.clinic_id != patient.clinic_id:
        raise AlreadyResolved("This file waits no longer.")
    check_open(patient.pk)
    path = object_store().path_of(file.sha256)
    received = ReceivedFile(path, file.sha256, file.size_bytes)
    stored = keep_for(patient, received, statement=statement, stored_by=attached_by)
    identities = {
        "file": {name: file.header.get(name) for name in IDENTITY},
        "record": {
            "patient_id": patient.medical_record_number,
            "patient_name": f"{patient.family_name}^{patient.given_name}",
            "patient_birth_date": str(patient.born),
            "patient_sex": patient.sex,
        },
    }
    _resolve(
        file,
        UnmatchedState.ATTACHED,
        attached_by,
        action=Action.FILE_ATTACHED,
        mammogram=stored.mammogram,
        private=identities,
    )
    return stored


def discard_file(file: UnmatchedFile, *, reason: DiscardReason, discarded_by: User) -> None:
    """Remove a file that is nobody's here."""
    require(discarded_by, Permission.MATCH_FILES)
    _resolve(
        file,
        UnmatchedState.DISCARDED,
        discarded_by,
        action=Action.FILE_DISCARDED,
        why=reason.value,
    )
    remove_unused(file.sha256)


@retry_on_conflict
def _resolve(
    file: UnmatchedFile,
    state: UnmatchedState,
    by: User,
    *,
    action: Action,
    mammogram: Mammogram | None = None,
    **event: Any,
) -> None:
    with atomic():
        resolved = UnmatchedFile.objects.filter(pk=file.pk, state=UnmatchedState.WAITING).update(
            state=state, resolved_by=by, resolved_at=now(), mammogram=mammogram, header={}
        )
        if not resolved:
            raise AlreadyResolved("This file waits no longer.")
        _note(action, file, by, patient_id=mammogram and mammogram.patient_id, **event)


def files_that_may_be_of(patient: Patient) -> list[UnmatchedFile]:
    """Files that wait in the patient's clinic and name them by number, or by name and birth date.

    For who keeps the clinic's records; it asks for no permission.
    """
    waiting = UnmatchedFile.objects.filter(
        clinic_id=patient.clinic_id, state=UnmatchedState.WAITING
    )
    return [file for file in waiting.order_by("created_at", "pk") if _may_be_of(file.says, patient)]


def _may_be_of(says: MammogramHeader, patient: Patient) -> bool:
    if normalise_record_number(says.patient_id or "") == patient.record_number_key:
        return True
    born, name = says.patient_birth_date, says.patient_name
    return bool(born and name and patient.born.may_be(born) and agrees_with_name(name, patient))


def _note(action: Action, file: UnmatchedFile, actor: User, **event: Any) -> None:
    audit.record(
        action,
        subject=file,
        clinic_id=file.clinic_id,
        actor=actor,
        sha256=file.sha256,
        **event,
    )
