"""Which of several proposals for one pair of pictures is to be signed.

One made at a lesion that a doctor marked knows more than one made without, and a mark that took
another's place makes the other's proposal outdated. What is superseded is kept, and names what
took its place. Proposals at two lesions stand beside each other; a signed one stays as it is.
"""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import QuerySet

from analysis.choices import RecommendationStatus
from analysis.models import LesionMark, Recommendation


def supersede(recommendation: Recommendation) -> None:
    """Settle, in the transaction that writes a proposal, what it replaces or what replaces it.

    Jobs of one pair end in any order, so a proposal without a mark may come last and still give
    way.
    """
    mark = recommendation.job.mark
    if mark is None:
        at_marks = [each for each in _unsigned_beside(recommendation) if each.job.mark_id]
        if at_marks:
            _give_way([recommendation.pk], to=at_marks[0])
        return
    outdated = {None, *_replaced_by(mark)}
    _give_way(
        [each.pk for each in _unsigned_beside(recommendation) if each.job.mark_id in outdated],
        to=recommendation,
    )


def _unsigned_beside(recommendation: Recommendation) -> QuerySet[Recommendation]:
    """Other open proposals for the same pair, newest first."""
    return (
        Recommendation.objects.filter(
            current_id=recommendation.current_id,
            prior_id=recommendation.prior_id,
            status=RecommendationStatus.PROPOSED,
        )
        .exclude(pk=recommendation.pk)
        .select_related("job")
        .order_by("-created_at", "pk")
    )


def _replaced_by(mark: LesionMark) -> Iterator[UUID]:
    """The marks whose place this one took, one after the other."""
    earlier = mark.supersedes
    while earlier is not None:
        yield earlier.pk
        earlier = earlier.supersedes


def _give_way(keys: list[UUID], *, to: Recommendation) -> None:
    """Only what nobody signed meanwhile."""
    Recommendation.objects.filter(pk__in=keys, status=RecommendationStatus.PROPOSED).update(
        status=RecommendationStatus.SUPERSEDED, superseded_by=to
    )
