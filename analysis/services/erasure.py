"""Erasing a person: what identifies them goes, what happened stays provable.

Each model says which of its fields are personal (``TracedModel.personal``): those are
overwritten. Pictures and their files are deleted, and the key that sealed the personal values
of the audit trail is destroyed. The trail keeps its entries and goes on verifying. Backups of
the database keep the identity until they expire.
"""

from collections.abc import Iterable
from functools import partial, reduce
from operator import or_
from uuid import UUID

from django.apps import apps
from django.db.models import Q, TextChoices
from django.utils import timezone

from analysis.pictures import PICTURE_KEYS
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import keys
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.audit.trace import TracedModel
from mammotrack.db import atomic, on_commit, retry_on_conflict
from mammotrack.errors import Conflict, NotFound
from mammotrack.models import now
from patients.models import Patient, records_of
from patients.services import require_erasable
from scans.arrivals import files_that_may_be_of
from scans.models import Mammogram
from scans.services import remove_unused


class ErasureReason(TextChoices):
    """A code, so that the trail's reason names nobody."""

    PATIENT_REQUEST = "patient_request"
    RETENTION_EXPIRED = "retention_expired"
    COURT_ORDER = "court_order"


class FileWaits(Conflict):
    code = "file_waits"


@retry_on_conflict
def erase_patient(patient: Patient, *, reason: ErasureReason, erased_by: User) -> None:
    """Destroy what identifies this person, for good, with every record merged into this one.

    Raises
    ------
    Forbidden, NotFound
        The role does not allow it, or the patient is another clinic's.
    RecordKept, RecordMerged
        The record has to be kept, or is part of another one.
    FileWaits
        A file that may be this person's waits for somebody to say whose it is.
    """
    require(erased_by, Permission.ERASE_PATIENTS)
    if patient.clinic_id not in erased_by.clinic_ids:
        raise NotFound("There is no such patient.")
    with atomic():
        require_erasable(patient, on=timezone.localdate())
        records = records_of(patient)
        _check_nothing_waits(records)
        ids = [record.pk for record in records]
        on_commit(partial(_destroy, ids, _files_of(ids)))
        for model in apps.get_models():
            if issubclass(model, TracedModel) and model.personal:
                _overwrite(model, ids)
        for record in records:
            _mark(record, reason, erased_by)


def _check_nothing_waits(records: Iterable[Patient]) -> None:
    """A person decides whose a file is: attached it goes with the record, discarded it is gone."""
    files = {str(file.pk) for record in records for file in files_that_may_be_of(record)}
    if files:
        raise FileWaits(
            "Files that may be this patient's wait under Unmatched: attach or discard them first.",
            files=sorted(files),
        )


def _overwrite(model: type[TracedModel], ids: list[UUID]) -> None:
    about = reduce(or_, (Q(**{f"{key}__in": ids}) for key in model.patient_keys))
    for key in list(model._default_manager.filter(about).values_list("pk", flat=True)):
        values = {name: new() if callable(new) else new for name, new in model.personal.items()}
        model._default_manager.filter(pk=key).update(**values)


def _mark(record: Patient, reason: ErasureReason, erased_by: User) -> None:
    version = Patient.objects.values_list("version", flat=True).get(pk=record.pk) + 1
    Patient.objects.filter(pk=record.pk).update(erased_at=now(), version=version)
    record.version = version
    audit.record(
        Action.PATIENT_ERASED,
        subject=record,
        clinic_id=record.clinic_id,
        patient_id=record.pk,
        actor=erased_by,
        reason=reason.value,
    )


def _files_of(ids: list[UUID]) -> set[str]:
    """Hashes of the records' files and of the pictures made of them."""
    own = set(Mammogram.objects.filter(patient__in=ids).values_list("sha256", flat=True))
    made = {
        key
        for model, name in PICTURE_KEYS
        for key in model._default_manager.filter(patient__in=ids).values_list(name, flat=True)
        if key
    }
    return own | made


def _destroy(ids: list[UUID], files: Iterable[str]) -> None:
    """The files are kept that another clinic was sent as well."""
    for patient_id in ids:
        keys.destroy_patient_key(patient_id)
    for sha256 in files:
        remove_unused(sha256, but_for=ids)
