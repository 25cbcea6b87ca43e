"""Erasing a person: what identifies them goes, what happened stays provable.

The identity is overwritten, free text is emptied, pictures and their files are deleted, and the
key that sealed the personal values of the audit trail is destroyed. The trail keeps its entries
and goes on verifying. Backups of the database keep the identity until they expire.
"""

from datetime import date
from functools import partial
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.db.models import Model, TextChoices, TextField

from analysis.models import Comparison
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import keys
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, on_commit, retry_on_conflict
from mammotrack.errors import Conflict, NotFound
from mammotrack.models import now
from patients.models import Patient, PatientFact
from scans.models import Exam, Mammogram
from scans.services import object_store

ERASED = "erased"
NO_BIRTH_DATE = date(1900, 1, 1)


class ErasureReason(TextChoices):
    """A code, so that the trail's reason names nobody."""

    PATIENT_REQUEST = "patient_request"
    RETENTION_EXPIRED = "retention_expired"
    COURT_ORDER = "court_order"


class LegalHold(Conflict):
    code = "legal_hold"


@retry_on_conflict
def hold_patient(patient: Patient, *, hold: bool, held_by: User) -> None:
    """Keep the record from being erased, or let it go."""
    require(held_by, Permission.ERASE_PATIENTS)
    _check_scope(patient, held_by)
    with atomic():
        _change(patient, legal_hold=hold)
        action = Action.PATIENT_HELD if hold else Action.PATIENT_RELEASED
        _record(action, patient, held_by)


@retry_on_conflict
def erase_patient(patient: Patient, *, reason: ErasureReason, erased_by: User) -> None:
    """Destroy what identifies this person, for good.

    Raises
    ------
    Forbidden, NotFound
        The role does not allow it, or the patient is another clinic's.
    LegalHold
        The record has to be kept.
    """
    require(erased_by, Permission.ERASE_PATIENTS)
    _check_scope(patient, erased_by)
    files = _files_of(patient)
    with atomic():
        if Patient.objects.filter(pk=patient.pk, legal_hold=True).exists():
            raise LegalHold("This record is under a legal hold.")
        number = f"{ERASED}-{patient.pk}"
        _change(
            patient,
            family_name=ERASED,
            given_name=ERASED,
            medical_record_number=number,
            record_number_key=number.upper(),
            birth_date=NO_BIRTH_DATE,
            erased_at=now(),
        )
        _empty_texts(patient)
        _record(Action.PATIENT_ERASED, patient, erased_by, reason=reason.value)
        on_commit(partial(_destroy, patient, files))


def _destroy(patient: Patient, files: set[str]) -> None:
    keys.destroy_patient_key(patient.pk)
    for sha256 in files:
        object_store().remove(sha256)


def _files_of(patient: Patient) -> set[str]:
    """Hashes of the patient's files and pictures that are nobody else's."""
    own = set(Mammogram.objects.filter(patient=patient).values_list("sha256", flat=True))
    shared = Mammogram.objects.filter(sha256__in=own).exclude(patient=patient)
    pictures = Comparison.objects.filter(patient=patient).exclude(pictures_key="")
    return (own - set(shared.values_list("sha256", flat=True))) | set(
        pictures.values_list("pictures_key", flat=True)
    )


def _empty_texts(patient: Patient) -> None:
    """Free text of every fact, and the numbers under which other systems know the exams."""
    for model in apps.get_models():
        if issubclass(model, PatientFact):
            texts = {f.name: "" for f in model._meta.fields if isinstance(f, TextField)}
            if texts:
                _rows(model).filter(patient=patient).update(**texts)
    for exam in Exam.objects.filter(patient=patient):
        Exam.objects.filter(pk=exam.pk).update(accession_number="", study_instance_uid=_new_uid())
    for mammogram in Mammogram.objects.filter(patient=patient):
        Mammogram.objects.filter(pk=mammogram.pk).update(sop_instance_uid=_new_uid())


def _rows(model: type[Model]) -> Any:
    return model._default_manager


def _new_uid() -> str:
    return f"2.25.{uuid4().int}"


def _change(patient: Patient, **fields: Any) -> None:
    version = Patient.objects.values_list("version", flat=True).get(pk=patient.pk) + 1
    Patient.objects.filter(pk=patient.pk).update(**fields, version=version)
    patient.version = version


def _check_scope(patient: Patient, user: User) -> None:
    if patient.clinic_id not in user.clinic_ids:
        raise NotFound("There is no such patient.")


def _record(action: Action, patient: Patient, actor: User, **detail: Any) -> None:
    audit.record(
        action,
        subject=patient,
        clinic_id=patient.clinic_id,
        patient_id=patient.pk,
        actor=actor,
        **detail,
    )
