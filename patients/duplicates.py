"""Who of the clinic may be the same person as the one being registered."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from django.db.models import Q
from jellyfish import jaro_winkler_similarity

from patients.models import Patient, survivor_of
from patients.names import fold
from patients.partial_dates import PartialDate

MOST_LOOKED_AT = 500
MOST_LISTED = 10
NEARLY_THE_SAME_NAME = 0.9  # Jaro-Winkler; "jon smyth" and "john smith" have 0.92
SIMILAR_NAME = 0.8


@dataclass(frozen=True)
class Candidate:
    patient: Patient
    likeness: float  # of the names, 0 to 1
    same: tuple[str, ...]  # what agrees: "name", "birth_date", "phone"


def candidates(wanted: Patient) -> list[Candidate]:
    """Patients of the same clinic who may be this one, the likeliest first."""
    found = (_compare(wanted, other) for other in _looked_at(wanted))
    ranked = sorted(filter(None, found), key=lambda c: (-len(c.same), -c.likeness))
    listed: dict[object, Candidate] = {}  # a merged record stands for the one it is part of
    for candidate in ranked:
        survivor = survivor_of(candidate.patient)
        listed.setdefault(survivor.pk, replace(candidate, patient=survivor))
    return list(listed.values())[:MOST_LISTED]


def _looked_at(wanted: Patient) -> Iterable[Patient]:
    """Those an index finds: alike in sound, born the same day, or with the same phone."""
    keys = [wanted.family_key, wanted.given_key]
    blocks = [
        Q(family_key__in=keys, given_key__in=keys),
        Q(birth_date__in=_days_it_may_stand_under(wanted.born)),
    ]
    if wanted.phone_key:
        blocks.append(Q(phone_key=wanted.phone_key))
    found: dict[object, Patient] = {}
    for block in blocks:
        others = Patient.objects.filter(block, clinic_id=wanted.clinic_id).exclude(pk=wanted.pk)
        found |= {other.pk: other for other in others[:MOST_LOOKED_AT]}
    return found.values()


def _days_it_may_stand_under(born: PartialDate) -> list[date]:
    """The day itself, day and month exchanged, and the less exact forms of it."""
    first = born.first
    days = {first, first.replace(day=1), first.replace(month=1, day=1)}
    if first.day <= 12:
        days.add(first.replace(month=first.day, day=first.month))
    return sorted(days)


def _compare(wanted: Patient, other: Patient) -> Candidate | None:
    likeness = max(
        jaro_winkler_similarity(one, another)
        for one in _both_orders(wanted)
        for another in _both_orders(other)[:1]
    )
    same_birth = wanted.born.overlaps(other.born)
    same_phone = bool(wanted.phone_key) and wanted.phone_key == other.phone_key
    alike = (
        (likeness >= SIMILAR_NAME and (same_birth or same_phone))
        or (likeness >= NEARLY_THE_SAME_NAME and _nearly_the_same_day(wanted.born, other.born))
        or (same_birth and same_phone)
    )
    if not alike:
        return None
    agreement = {
        "name": likeness >= NEARLY_THE_SAME_NAME,
        "birth_date": same_birth,
        "phone": same_phone,
    }
    return Candidate(
        other, round(likeness, 2), tuple(k for k, agrees in agreement.items() if agrees)
    )


def _both_orders(patient: Patient) -> list[str]:
    family, given = fold(patient.family_name), fold(patient.given_name)
    return [f"{given} {family}", f"{family} {given}"]


def _nearly_the_same_day(one: PartialDate, other: PartialDate) -> bool:
    """Equal but for one typing error: two of year, month and day agree, or are exchanged."""
    a, b = one.first, other.first
    agreeing = (a.year == b.year) + (a.month == b.month) + (a.day == b.day)
    return agreeing >= 2 or (a.year, a.month, a.day) == (b.year, b.day, b.month)
