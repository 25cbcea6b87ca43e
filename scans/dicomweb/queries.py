"""QIDO-RS (PS3.18 section 10.6): what may be asked, and the rows that answer it, for a user."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet
from pydicom.datadict import keyword_for_tag

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, in_scope, require
from mammotrack.errors import Inconsistent, NotFound
from patients.models import Patient, normalise_record_number, survivor_of
from scans import limits, selectors
from scans.models import Exam, Mammogram

STUDY_KEYS = frozenset(
    {
        "AccessionNumber",
        "ModalitiesInStudy",
        "PatientBirthDate",
        "PatientID",
        "PatientName",
        "StudyDate",
        "StudyDescription",
        "StudyInstanceUID",
    }
)
SERIES_KEYS = STUDY_KEYS | {"Modality", "SeriesInstanceUID"}
INSTANCE_KEYS = SERIES_KEYS | {"SOPInstanceUID"}

STUDY_DESCRIPTION = "Mammography"  # of each

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_DAY = re.compile(r"[0-9]{8}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_MOST_WILDCARDS = 3


class InvalidQuery(Inconsistent):
    code = "invalid_query"


@dataclass(frozen=True)
class Query:
    """One search: what has to match, which rows of the answer, and what to say about them."""

    keys: Mapping[str, str] = field(default_factory=dict)
    limit: int = limits.MAX_QUERY_ROWS
    offset: int = 0
    warnings: tuple[str, ...] = ()


def read_query(parameters: Mapping[str, str], allowed: frozenset[str]) -> Query:
    """Hold the parameters of an address against what may be asked.

    A key that is not supported is an error: ignored, it would answer with rows nobody asked for.
    """
    keys: dict[str, str] = {}
    numbers: dict[str, int] = {}
    warnings = []
    for name, value in parameters.items():
        if len(value) > limits.MAX_QUERY_CHARACTERS:
            raise InvalidQuery(f"The value of {name[:40]} is too long.")
        if name in ("limit", "offset"):
            if not _NUMBER.fullmatch(value):
                raise InvalidQuery(f"{name} is a whole number.")
            numbers[name] = int(value)
        elif name == "fuzzymatching":
            if value.lower() == "true":
                warnings.append("The fuzzymatching parameter is not supported.")
        elif name not in ("accept", "includefield"):  # all attributes are always answered
            keyword = keyword_for_tag(int(name, 16)) if _TAG.fullmatch(name) else name
            if keyword not in allowed:
                raise InvalidQuery(
                    f"{name[:40]} cannot be asked for here.", supported=sorted(allowed)
                )
            keys[keyword] = value
    return Query(
        keys=keys,
        limit=min(numbers.get("limit", limits.MAX_QUERY_ROWS), limits.MAX_QUERY_ROWS),
        offset=numbers.get("offset", 0),
        warnings=tuple(warnings),
    )


def studies(user: User, query: Query) -> QuerySet[Exam]:
    """Exams with pictures, the newest first."""
    require(user, Permission.READ_SCANS)
    found = selectors.exams_visible_to(user).filter(_of_study(user, query.keys, exam=""))
    return found.select_related("patient").order_by("-exam_date", "-pk")


def instances(user: User, query: Query) -> QuerySet[Mammogram]:
    require(user, Permission.READ_SCANS)
    condition = _of_study(user, query.keys, exam="exam__")
    if uids := values(query.keys, "SOPInstanceUID"):
        condition &= Q(sop_instance_uid__in=uids)
    if query.keys.get("Modality", "MG") not in ("MG", "*"):
        condition &= Q(pk__in=[])
    return (
        selectors.mammograms_visible_to(user)
        .filter(condition)
        .select_related("patient", "exam")
        .order_by("-exam_date", "exam", "laterality", "view", "pk")
    )


def instances_at(
    user: User, *, study: str, series: str | None = None, instance: str | None = None
) -> list[Mammogram]:
    """The mammograms under an address, or ``NotFound``: absent and foreign look the same."""
    require(user, Permission.READ_SCANS)
    found = selectors.mammograms_visible_to(user).filter(exam__study_instance_uid=study)
    if instance:
        found = found.filter(sop_instance_uid=instance)
    rows = found.select_related("patient", "exam").order_by("laterality", "view", "pk")
    matching = [row for row in rows if series is None or row.series_uid == series]
    if not matching:
        raise NotFound("There is no such study, series or instance.")
    return matching


def with_pictures(exams: list[Exam]) -> dict[Any, list[Mammogram]]:
    """The mammograms of each exam."""
    by_exam: dict[Any, list[Mammogram]] = {exam.pk: [] for exam in exams}
    for mammogram in Mammogram.objects.filter(exam_id__in=list(by_exam)):
        by_exam[mammogram.exam_id].append(mammogram)
    return by_exam


def _of_study(user: User, keys: Mapping[str, str], *, exam: str) -> Q:
    condition = Q()
    if uids := values(keys, "StudyInstanceUID"):
        condition &= Q(**{f"{exam}study_instance_uid__in": uids})
    if (number := keys.get("AccessionNumber")) and number != "*":
        condition &= _matching(f"{exam}accession_number", number)
    if dates := keys.get("StudyDate"):
        condition &= _between("exam_date", dates)
    if "MG" not in (values(keys, "ModalitiesInStudy") or ["MG"]):
        condition &= Q(pk__in=[])
    if not _fits(keys.get("StudyDescription", "*"), STUDY_DESCRIPTION):
        condition &= Q(pk__in=[])
    wanted = _patients(user, keys)
    return condition if wanted is None else condition & Q(patient_id__in=wanted)


def _patients(user: User, keys: Mapping[str, str]) -> list[Any] | None:
    """Ids of the patients asked for; None where any will do."""
    condition = Q()
    if (number := keys.get("PatientID")) and number != "*":
        condition &= _matching("record_number_key", normalise_record_number(number))
    if (name := keys.get("PatientName")) and name.strip("*^"):
        condition &= _named(name)
    if born := keys.get("PatientBirthDate"):
        condition &= _between("birth_date", born)
    if not condition:
        return None
    found = Patient.objects.filter(in_scope(user, patient="pk"), condition)
    merged = [survivor_of(part).pk for part in found.exclude(merged_into=None)]
    return [*found.filter(merged_into=None).values_list("pk", flat=True), *merged]


def _named(name: str) -> Q:
    """``family^given``; one word is looked for in either."""
    family, caret, given = name.partition("^")
    if not caret:
        return _matching("family_name", family) | _matching("given_name", family)
    condition = _matching("family_name", family) if family.strip("*") else Q()
    given = given.partition("^")[0]
    return condition & (_matching("given_name", given) if given.strip("*") else Q())


def _matching(name: str, pattern: str) -> Q:
    """Equal but for the case, with ``*`` and ``?`` as wildcards (PS3.4 section C.2.2.2.4)."""
    if "*" not in pattern and "?" not in pattern:
        return Q(**{f"{name}__iexact": pattern})
    return Q(**{f"{name}__iregex": f"^{_expression(pattern)}$"})


def _fits(pattern: str, text: str) -> bool:
    """The same, of a text that is the same for all."""
    return re.fullmatch(_expression(pattern), text, re.IGNORECASE) is not None


def _expression(pattern: str) -> str:
    pattern = re.sub(r"\*+", "*", pattern)
    if pattern.count("*") > _MOST_WILDCARDS:
        raise InvalidQuery(f"A value has at most {_MOST_WILDCARDS} wildcards *.")
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _between(name: str, text: str) -> Q:
    """A day, or a range open at one side (PS3.4 section C.2.2.2.5)."""
    first, dash, last = text.partition("-")
    if not dash:
        return Q(**{name: _day(first)})
    condition = Q(**{f"{name}__gte": _day(first)}) if first else Q()
    return condition & (Q(**{f"{name}__lte": _day(last)}) if last else Q())


def _day(text: str) -> date:
    if not _DAY.fullmatch(text):
        raise InvalidQuery("A date is written 20240131, a range 20240101-20240131.")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError as error:
        raise InvalidQuery("There is no such day.") from error


def values(keys: Mapping[str, str], name: str) -> list[str]:
    return [each for each in re.split(r"[,\\]", keys.get(name, "")) if each and each != "*"]
