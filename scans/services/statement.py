"""What the person who uploads says about a picture, beside what its file says."""

import dataclasses
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from mammotrack.errors import Rejected
from scans.choices import Origin, View
from scans.header import MammogramHeader, agree
from scans.services.refusals import HeaderConflict, MissingPosition


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


def reconcile(header: MammogramHeader, statement: Statement) -> Agreed:
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
