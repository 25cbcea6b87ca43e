"""Two records of one person made one, and made two again.

A merge moves every row of the merged record to the survivor and keeps their ids, so undoing
it restores both. What was added meanwhile goes with what it is part of: an analysis with its
picture, a cycle with its course.
"""

from typing import cast
from uuid import UUID

from django.apps import apps

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, Rejected
from mammotrack.models import now
from patients.models import Patient, PatientFact, PatientMerge, Revision
from patients.services.facts import check_reason, claim_record
from patients.signals import merge_undone


class AlreadyUndone(Conflict):
    code = "merge_undone"


class InvalidMerge(Rejected):
    code = "invalid_merge"


@retry_on_conflict
def merge_patients(
    *, merged: Patient, survivor: Patient, reason: str, merged_by: User
) -> PatientMerge:
    """Move all of ``merged`` to ``survivor``. The merged record stays, and leads there."""
    require(merged_by, Permission.MERGE_PATIENTS)
    reason = check_reason(reason)
    if merged.pk == survivor.pk or merged.clinic_id != survivor.clinic_id:
        raise InvalidMerge("A record is merged into another one of the same clinic.")
    merge = PatientMerge(
        clinic_id=survivor.clinic_id,
        survivor=survivor,
        merged=merged,
        reason=reason,
        merged_by=merged_by,
    )
    with atomic():
        claim_record(merged.pk)
        claim_record(survivor.pk)
        Patient.objects.filter(pk=merged.pk).update(merged_into=survivor.pk)
        merge.moved = {
            model._meta.label_lower: [str(pk) for pk in moved]
            for model in fact_models()
            if (moved := _move(model, merged.pk, survivor.pk))
        }
        merge.save(force_insert=True)
        _note(Action.PATIENT_MERGED, merge, merged_by, reason)
    merged.merged_into = survivor
    return merge


@retry_on_conflict
def undo_merge(merge: PatientMerge, *, reason: str, undone_by: User) -> PatientMerge:
    """Give the merged record back its rows. Raises ``RecordMerged`` while the survivor itself
    is merged into a third record: that one comes first."""
    require(undone_by, Permission.MERGE_PATIENTS)
    reason, moment = check_reason(reason), now()
    with atomic():
        claim_record(merge.survivor_id)
        undone = PatientMerge.objects.filter(pk=merge.pk, undone_at=None).update(
            undone_at=moment, undone_by=undone_by.pk, undo_reason=reason
        )
        if not undone:
            raise AlreadyUndone("This merge is undone already.")
        Patient.objects.filter(pk=merge.merged_id).update(merged_into=None)
        _give_back(merge)
        merge_undone.send(PatientMerge, merge=merge)
        _note(Action.PATIENT_UNMERGED, merge, undone_by, reason)
    merge.undone_at, merge.undone_by, merge.undo_reason = moment, undone_by, reason
    merge.merged.merged_into = None
    return merge


def fact_models() -> list[type[PatientFact]]:
    """Every kind of row a patient has, those that are part of others after them."""
    kinds = [model for model in apps.get_models() if issubclass(model, PatientFact)]
    return sorted(kinds, key=lambda model: (_depth(model), model._meta.label_lower))


def whole_of(model: type[PatientFact]) -> type[PatientFact] | None:
    """The kind of row that this kind is part of."""
    if model.belongs_with is None:
        return None
    return cast(type[PatientFact], model._meta.get_field(model.belongs_with).related_model)


def _depth(model: type[PatientFact]) -> int:
    whole = whole_of(model)
    return 1 + _depth(whole) if whole else 0


def _note(action: Action, merge: PatientMerge, actor: User, reason: str) -> None:
    """One entry for each of the two records."""
    for patient_id in (merge.merged_id, merge.survivor_id):
        audit.record(
            action,
            subject=merge,
            clinic_id=merge.clinic_id,
            patient_id=patient_id,
            actor=actor,
            merged_id=merge.merged_id.hex,
            survivor_id=merge.survivor_id.hex,
            private={"reason": reason},
        )


def _move(model: type[PatientFact], source: UUID, target: UUID) -> list[UUID]:
    rows = model._default_manager.filter(patient_id=source)
    moved = list(rows.values_list("pk", flat=True))
    if moved:
        rows.update(patient_id=target)
    return moved


def _give_back(merge: PatientMerge) -> None:
    back: dict[type[PatientFact], set[UUID]] = {}
    for model in fact_models():
        on_survivor = model._default_manager.filter(patient_id=merge.survivor_id)
        ids = {UUID(pk) for pk in merge.moved.get(model._meta.label_lower, [])}
        if whole := whole_of(model):
            parts = on_survivor.filter(**{f"{model.belongs_with}__in": list(back[whole])})
            ids |= set(parts.values_list("pk", flat=True))
        if model is Revision:  # part of a fact of any kind; sorted where it may be
            continue
        back[model] = ids
        if ids:
            on_survivor.filter(pk__in=list(ids)).update(patient_id=merge.merged_id)
    facts = set().union(*back.values())
    Revision._default_manager.filter(patient_id=merge.survivor_id, fact_id__in=list(facts)).update(
        patient_id=merge.merged_id
    )
