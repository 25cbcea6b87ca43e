"""A lane for each breast and view, with the pictures taken of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from analysis.models import AnalysisJob
from analysis.selectors import PatientRecord
from analysis.timeline.axis import AXIS_HEIGHT, THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH, Axis
from analysis.timeline.words import place_of
from scans.models import Mammogram

LANES = ("LCC", "LMLO", "RCC", "RMLO")
LANE_HEIGHT = 84


@dataclass(frozen=True)
class Thumbnail:
    x: float
    left: float
    top: float
    mammogram: Mammogram
    job_id: UUID | None
    place: str  # in the therapy

    @property
    def pick_x(self) -> float:
        return self.left + 1

    @property
    def pick_y(self) -> float:
        return self.top + 1


@dataclass(frozen=True)
class Lane:
    label: str
    top: float
    middle: float
    thumbnails: list[Thumbnail]


def lanes_of(record: PatientRecord, axis: Axis) -> list[Lane]:
    shown = {str(mammogram.position) for mammogram in record.mammograms}
    jobs = _job_by_picture(record.jobs)
    lanes = []
    for index, label in enumerate([*LANES, *sorted(shown - set(LANES))]):
        top = AXIS_HEIGHT + index * LANE_HEIGHT
        thumbnails = [
            Thumbnail(
                x=axis.x(mammogram.exam_date),
                left=axis.x(mammogram.exam_date) - THUMBNAIL_WIDTH / 2,
                top=top + (LANE_HEIGHT - THUMBNAIL_HEIGHT) / 2,
                mammogram=mammogram,
                job_id=jobs.get(mammogram.pk),
                place=place_of(record, mammogram),
            )
            for mammogram in record.mammograms
            if str(mammogram.position) == label
        ]
        lanes.append(Lane(f"{label[0]} {label[1:]}", top, top + LANE_HEIGHT / 2, thumbnails))
    return lanes


def _job_by_picture(jobs: Iterable[AnalysisJob]) -> dict[UUID, UUID]:
    """The analysis to open from a picture: the newest, one with a prior before one without."""
    ranked = sorted(jobs, key=lambda job: (job.prior_id is not None, job.created_at, job.pk))
    return {job.current_id: job.pk for job in ranked}
