"""Clinics and patients, as far as a user may see them."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet

from mammotrack.accounts.models import Clinic, User
from mammotrack.accounts.policy import Permission, can, in_scope, require
from mammotrack.errors import NotFound
from patients.errors import RecordMerged
from patients.models import Patient, normalise_record_number, records_of, survivor_of
from patients.names import normalise_name
from patients.partial_dates import PartialDate

MOST_MERGED_FOUND = 20


def clinics_of(user: User) -> QuerySet[Clinic]:
    return Clinic.objects.filter(pk__in=user.clinic_ids).order_by("name", "pk")


def all_clinics() -> QuerySet[Clinic]:
    return Clinic.objects.order_by("name", "pk")


def patients_visible_to(user: User) -> QuerySet[Patient]:
    if not can(user, Permission.READ_PATIENTS):
        return Patient.objects.none()
    return _in_scope(user).filter(merged_into=None)


def _in_scope(user: User) -> QuerySet[Patient]:
    return Patient.objects.filter(in_scope(user, patient="pk"))


def patient_visible_to(user: User, patient_id: UUID) -> Patient:
    """The patient, or ``NotFound``: absent and another clinic's look the same.

    Raises ``RecordMerged``, with the survivor's id, for a record that is part of another now.
    """
    require(user, Permission.READ_PATIENTS)
    patient = _in_scope(user).select_related("clinic").filter(pk=patient_id).first()
    if patient is None:
        raise NotFound("There is no such patient.")
    if patient.merged_into_id:
        raise RecordMerged(
            "This record was merged into another one.", patient_id=str(survivor_of(patient).pk)
        )
    return patient


def patient_with_number(patient: Patient, record_number: str) -> Patient:
    """Another patient of the same clinic by record number, or ``NotFound``."""
    other = Patient.objects.filter(
        clinic_id=patient.clinic_id,
        record_number_key=normalise_record_number(record_number),
        merged_into=None,
    ).first()
    if other is None or other.pk == patient.pk:
        raise NotFound("There is no other patient with this record number.")
    return other


def patient_of_number(clinic_id: UUID, record_number: str) -> Patient | None:
    """Who has this record number in the clinic; the survivor, where the record was merged."""
    key = normalise_record_number(record_number)
    found = Patient.objects.filter(clinic_id=clinic_id, record_number_key=key).first()
    return survivor_of(found) if found and key else None


def record_number_keys(patient: Patient) -> set[str]:
    """The patient's number and those of the records merged into it, as they are compared."""
    return {record.record_number_key for record in records_of(patient)}


def patients_by_id(user: User, patient_ids: Iterable[str | UUID]) -> list[Patient]:
    """Those of them the user may see, in the order given."""
    wanted = [UUID(str(patient_id)) for patient_id in patient_ids]
    found = patients_visible_to(user).in_bulk(wanted)
    return [found[patient_id] for patient_id in wanted if patient_id in found]


def archived_patients(user: User) -> QuerySet[Patient]:
    found = patients_visible_to(user).filter(archived_at__isnull=False)
    return found.order_by("family_name", "given_name", "pk")


def search_patients(user: User, text: str) -> QuerySet[Patient]:
    """Patients whose name starts with, or whose number is, what was typed; by name.

    Two words match family and given name in either order. A record that was merged is found
    as the one it is part of; an archived one is not found.
    """
    found = patients_visible_to(user).filter(archived_at=None)
    words = normalise_name(text).split()
    if not words:
        return found.order_by("family_name", "given_name", "pk")
    if len(words) == 1:
        matches = Q(family_name__istartswith=words[0]) | Q(given_name__istartswith=words[0])
    else:
        first, rest = words[0], " ".join(words[1:])
        matches = Q(family_name__istartswith=first, given_name__istartswith=rest) | Q(
            given_name__istartswith=first, family_name__istartswith=rest
        )
    matches |= Q(record_number_key=normalise_record_number(text))
    if born := _as_date(text):
        matches |= Q(birth_date__range=(born.first, born.last))
    merged = _in_scope(user).filter(matches, merged_into__isnull=False)[:MOST_MERGED_FOUND]
    survivors = [survivor_of(patient).pk for patient in merged]
    return found.filter(matches | Q(pk__in=survivors)).order_by("family_name", "given_name", "pk")


def _as_date(text: str) -> PartialDate | None:
    try:
        return PartialDate.parse(text)
    except ValueError:
        return None
