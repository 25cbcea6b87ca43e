"""Pictures put beside each other before anybody had them compared: any two, or two exams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from analysis.models import AnalysisJob
from scans.models import Exam, Mammogram, Position

HUNG = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
"""Right on the left, as the breasts stand before the reader; one view a line."""
UNSCALED_HEIGHT_MM = 240.0
"""What a picture of unknown scale is drawn as; the page says that its scale is not known."""


@dataclass(frozen=True)
class HungFilm:
    """One picture as drawn: millimetres, chest wall at the edge of its frame."""

    mammogram: Mammogram
    width: float
    height: float
    x: float
    y: float


@dataclass(frozen=True)
class HungRow:
    """One breast in one view, before and now; ``job_id`` is of their analysis."""

    position: Position
    prior: HungFilm | None
    current: HungFilm | None
    job_id: UUID | None


@dataclass(frozen=True)
class Hanging:
    """The pictures of one exam and those before it, all at one scale."""

    rows: list[HungRow]
    width: float
    height: float
    lacks_scale: bool


def older_first(pictures: Iterable[Mammogram]) -> list[Mammogram]:
    return sorted(pictures, key=lambda each: (each.exam_date, each.created_at, each.pk))


def hang(exam: Exam, pictures: Sequence[Mammogram], jobs: Iterable[AnalysisJob]) -> Hanging:
    """Match the pictures of an exam's day with the latest earlier ones of the same breast and view.

    ``pictures`` are all of the patient: files without a study make an exam each. What has no
    earlier picture gets none: never another view.
    """
    newest = {(job.prior_id, job.current_id): job.pk for job in reversed(list(jobs))}
    own = [picture for picture in older_first(pictures) if picture.exam_date == exam.exam_date]
    others = [Position(*each) for each in HUNG]
    positions = others + sorted({picture.position for picture in own} - set(others))
    pairs = []
    for position in positions:
        current = next((each for each in reversed(own) if each.position == position), None)
        earlier = [
            each
            for each in older_first(pictures)
            if each.position == position and each.exam_date < exam.exam_date
        ]
        pairs.append((position, earlier[-1] if earlier else None, current))
    shown = [each for _, *pair in pairs for each in pair if each]
    width = max((_size_mm(each)[0] for each in shown), default=1.0)
    height = max((_size_mm(each)[1] for each in shown), default=1.0)
    return Hanging(
        rows=[
            HungRow(
                position,
                _hung(prior, width, height),
                _hung(current, width, height),
                newest.get((prior.pk if prior else None, current.pk)) if current else None,
            )
            for position, prior, current in pairs
        ],
        width=width,
        height=height,
        lacks_scale=any(each.pixel_spacing_mm is None for each in shown),
    )


def _size_mm(mammogram: Mammogram) -> tuple[float, float]:
    unit = mammogram.pixel_spacing_mm or UNSCALED_HEIGHT_MM / mammogram.rows
    return round(mammogram.columns * unit, 2), round(mammogram.rows * unit, 2)


def _hung(mammogram: Mammogram | None, width: float, height: float) -> HungFilm | None:
    if mammogram is None:
        return None
    own_width, own_height = _size_mm(mammogram)
    left = 0.0 if mammogram.laterality == "L" else round(width - own_width, 2)
    return HungFilm(mammogram, own_width, own_height, left, round((height - own_height) / 2, 2))
