"""Which of several proposals about one picture is to be signed.

The comparison with the latest prior knows more than one with an older prior, or with none: a scan
may arrive late. One made at a lesion that a doctor marked knows more than one of the same pair
made without, a mark that took another's place makes the other's proposal outdated, and of two made
alike the newer counts. What is superseded is kept, and names what took its place. Proposals at
two lesions stand beside each other; a signed one stays as it is.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from uuid import UUID

from analysis.choices import RecommendationStatus
from analysis.models import LesionMark, Recommendation

UNSIGNED = (RecommendationStatus.PROPOSED, RecommendationStatus.SUPERSEDED)


def settle_proposals(current_id: UUID) -> list[UUID]:
    """Settle, in the transaction that changed which proposals about a picture there are.

    Jobs end in any order, so a new proposal may be superseded from the beginning. One whose
    pictures are of two patients, since a merge was undone, is void and supersedes nothing.

    Returns
    -------
    list of UUID
        The proposals that are superseded from now on.
    """
    rows = Recommendation.objects.filter(current_id=current_id)
    about = [
        row
        for row in rows.select_related("job__mark", "current", "prior")
        if row.prior is None or row.prior.patient_id == row.current.patient_id
    ]
    superseded = []
    for row in about:
        successor = _last_after(row, about)
        if row.status in UNSIGNED and row.superseded_by_id != (successor and successor.pk):
            _set_successor(row, successor)
            if successor:
                superseded.append(row.pk)
    return superseded


def _last_after(row: Recommendation, about: Sequence[Recommendation]) -> Recommendation | None:
    after = [other for other in about if _knows_more(other, row)]
    if not after:
        return None
    nearest = max(after, key=_rank)
    return _last_after(nearest, about) or nearest


def _knows_more(one: Recommendation, other: Recommendation) -> bool:
    mark, other_mark = one.job.mark, other.job.mark
    if mark == other_mark:
        return _rank(one) > _rank(other)
    if mark is None or one.prior_id != other.prior_id:
        return False
    return other_mark is None or other_mark.pk in _replaced_by(mark)


def _rank(row: Recommendation) -> tuple[date, datetime, UUID]:
    return (row.prior.exam_date if row.prior else date.min, row.created_at, row.pk)


def _replaced_by(mark: LesionMark) -> Iterator[UUID]:
    """The marks whose place this one took, one after the other."""
    earlier = mark.supersedes
    while earlier is not None:
        yield earlier.pk
        earlier = earlier.supersedes


def _set_successor(row: Recommendation, successor: Recommendation | None) -> None:
    status = RecommendationStatus.SUPERSEDED if successor else RecommendationStatus.PROPOSED
    Recommendation.objects.filter(pk=row.pk, status__in=UNSIGNED).update(
        status=status, superseded_by=successor
    )
