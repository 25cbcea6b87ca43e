"""What a search answers beside what it found (FHIR R4 section 3.1.1.5.4): ``_include`` follows the
references of the found resources, ``_revinclude`` adds who vouches for them.

Every resource so added is held against the user's own rights, as if it had been asked for itself.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Q

from analysis.fhir.codes import Json
from analysis.fhir.sources import KINDS, Source
from mammotrack.accounts.models import User

# By the search parameter: the element that refers, and to what.
REFERENCES = {
    "patient": ("subject", "Patient"),
    "subject": ("subject", "Patient"),
    "result": ("result", "Observation"),
    "derived-from": ("derivedFrom", "ImagingStudy"),
    "part-of": ("partOf", "Procedure"),
}
OF_KIND = {
    "ImagingStudy": ("patient", "subject"),
    "Observation": ("patient", "subject", "derived-from"),
    "DiagnosticReport": ("patient", "subject", "result"),
    "ServiceRequest": ("patient", "subject"),
    "Procedure": ("patient", "subject"),
    "MedicationAdministration": ("patient", "subject", "part-of"),
}
VOUCHED_FOR = ("DiagnosticReport", "Observation")
BY_PROVENANCE = "Provenance:target"


def includes_of(kind: str) -> list[str]:
    return [f"{kind}:{name}" for name in OF_KIND.get(kind, ())]


def revincludes_of(kind: str) -> list[str]:
    return [BY_PROVENANCE] if kind in VOUCHED_FOR else []


def kind_included(name: str) -> str:
    """The type that this include adds."""
    return "Provenance" if name == BY_PROVENANCE else REFERENCES[name.partition(":")[2]][1]


def included(
    user: User, found: Sequence[Json], *, includes: Iterable[str], revincludes: Iterable[str]
) -> list[Json]:
    """The resources to add, each once, without those that were found anyway."""
    wanted: dict[str, set[UUID]] = {}
    for name in includes:
        element, kind = REFERENCES[name.partition(":")[2]]
        for resource in found:
            for key in _referred(resource.get(element), kind):
                wanted.setdefault(kind, set()).add(key)
    added = [
        source.resource(row)
        for kind, keys in wanted.items()
        for source in KINDS[kind].sources
        for row in source.rows(user).filter(pk__in=keys).order_by("created_at", "pk")
    ]
    if BY_PROVENANCE in revincludes:
        added += _provenances(user, [UUID(resource["id"]) for resource in found])
    known = {(each["resourceType"], each["id"]) for each in found}
    return [each for each in added if (each["resourceType"], each["id"]) not in known]


def _referred(value: Json | list[Json] | None, kind: str) -> list[UUID]:
    references = value if isinstance(value, list) else [value] if value else []
    parts = (each.get("reference", "").partition("/") for each in references)
    return [UUID(key) for of_kind, _, key in parts if of_kind == kind]


def _provenances(user: User, keys: list[UUID]) -> list[Json]:
    """A decision vouches for its report, a prediction's own row for the observation."""
    of_decisions, of_predictions = KINDS["Provenance"].sources
    return [
        *_resources(user, of_decisions, Q(recommendation__in=keys)),
        *_resources(user, of_predictions, Q(pk__in=keys)),
    ]


def _resources(user: User, source: Source, condition: Q) -> list[Json]:
    rows = source.rows(user).filter(condition).order_by("created_at", "pk")
    return [source.resource(row) for row in rows]
