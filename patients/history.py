"""What an entry of the history has to say, by the kind of thing it is about."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mammotrack.errors import Inconsistent
from patients.choices import HistoryItem, HistoryLaterality
from patients.codes import GENE
from patients.models import HistoryEntry

OF_A_BREAST = frozenset(
    {
        HistoryItem.MASTECTOMY,
        HistoryItem.BREAST_CONSERVING,
        HistoryItem.BENIGN_EXCISION,
        HistoryItem.REDUCTION,
        HistoryItem.RADIOTHERAPY,
        HistoryItem.IMPLANT,
        HistoryItem.BREAST_CANCER,
    }
)
OF_THE_FAMILY = frozenset({HistoryItem.FAMILY_BREAST, HistoryItem.FAMILY_OVARY})
OF_GENES = frozenset(HistoryItem(gene) for gene in GENE)


class ContradictoryHistory(Inconsistent):
    code = "contradictory_history"


@dataclass(frozen=True)
class Need:
    """A field that exactly these items have."""

    field: str
    items: frozenset[HistoryItem]
    words: str


NEEDS = (
    Need("laterality", OF_A_BREAST, gettext_noop("which breast")),
    Need("relative", OF_THE_FAMILY, gettext_noop("which relative")),
    Need("result", OF_GENES, gettext_noop("the result of the test")),
)


def check_entry(entry: HistoryEntry) -> None:
    """Raise ``ContradictoryHistory`` where a field is missing, or has no meaning for the item."""
    for need in NEEDS:
        has, should = bool(getattr(entry, need.field)), entry.item in need.items
        if has != should:
            sentence = (
                _("%(item)s: say %(what)s.") if should else _("%(item)s: leave out %(what)s.")
            )
            words = {"item": entry.get_item_display(), "what": _(need.words)}
            raise ContradictoryHistory(sentence % words, field=need.field)
    if entry.age_at_onset is not None and entry.item not in OF_THE_FAMILY:
        raise ContradictoryHistory("The age at onset is that of a relative.", field="age_at_onset")


def removals(patient_id: UUID) -> list[HistoryEntry]:
    """The mastectomies on record that nobody retracted."""
    entries = HistoryEntry.objects.filter(
        patient_id=patient_id, item=HistoryItem.MASTECTOMY, retracted_at=None
    )
    return list(entries.order_by("began", "pk"))


def breast_removed(patient_id: UUID, *, laterality: str, on: date) -> bool:
    """Whether the record says that this breast was removed by that day."""
    return any(
        entry.laterality in {laterality, HistoryLaterality.BOTH}
        and (entry.began is None or entry.began <= on)
        for entry in removals(patient_id)
    )
