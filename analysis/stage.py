"""What the viewer shows: one or two films on one stage, and whether they lie on each other."""

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from analysis.models import AnalysisJob, Recommendation
from analysis.pictures import is_registered
from analysis.presenters.canvas import Canvas, canvases
from analysis.presenters.classification import PictureFinding
from analysis.presenters.comparison import change
from scans.models import Mammogram


@dataclass(frozen=True)
class Film:
    which: str  # 'prior' or 'current'
    mammogram: Mammogram
    canvas: Canvas
    finding: PictureFinding | None = None

    @property
    def when(self) -> str:
        return _("Prior") if self.which == "prior" else _("Current")

    @property
    def has_heat_map(self) -> bool:
        return self.finding is not None and self.finding.has_heat_map


@dataclass(frozen=True)
class Stage:
    """``unaligned``: why the prior is shown as acquired and there is no score of change."""

    films: list[Film]
    job_id: UUID | None = None
    is_registered: bool = False
    unaligned: tuple[str, ...] = ()

    @property
    def is_pair(self) -> bool:
        return len(self.films) > 1

    @property
    def has_heat_map(self) -> bool:
        return any(film.has_heat_map for film in self.films)


def stage_of(
    job: AnalysisJob,
    recommendation: Recommendation | None,
    canvases: tuple[Canvas | None, Canvas],
    findings: tuple[PictureFinding | None, PictureFinding | None],
) -> Stage:
    """The films of an analysis with what it found; the pairs are of prior and current."""
    films = [Film("current", job.current, canvases[1], findings[1])]
    if job.prior and canvases[0]:
        films.insert(0, Film("prior", job.prior, canvases[0], findings[0]))
    comparison = recommendation.comparison if recommendation else None
    found = change(comparison)
    return Stage(
        films,
        job_id=job.pk,
        is_registered=is_registered(comparison),
        unaligned=tuple(found.reasons) if found and not found.comparable else (),
    )


def stage_without_analysis(*, prior: Mammogram, current: Mammogram) -> Stage:
    """Two films that nobody has had compared yet."""
    unread = AnalysisJob(prior=prior, current=current)
    before, after = canvases(unread, None, lesions=())
    films = [Film("current", current, after)]
    return Stage([Film("prior", prior, before), *films] if before else films)
