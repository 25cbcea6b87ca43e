"""All rows of the drawing, each below the one before."""

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from analysis.selectors import PatientRecord
from analysis.timeline.axis import AXIS_HEIGHT, LEFT, RIGHT_MARGIN, Tick, axis_of, ticks_on
from analysis.timeline.events import Event, events
from analysis.timeline.lanes import LANE_HEIGHT, Lane, lanes_of
from analysis.timeline.marks import Mark, decision_marks, packed, pathology_marks
from analysis.timeline.scores import (
    CHANGE_HEIGHT,
    STEPS_HEIGHT,
    ChangeRow,
    StepRow,
    change_rows,
    step_rows,
)
from analysis.timeline.sizes import HEIGHT as SIZE_HEIGHT
from analysis.timeline.sizes import SizeRow, size_rows
from analysis.timeline.therapy import COURSE_HEIGHT, Bar, therapy_bars

THERAPY_PADDING = 12


@dataclass(frozen=True)
class Row:
    label: str
    top: float


@dataclass(frozen=True)
class Timeline:
    width: float
    left: float
    right: float
    height: float
    axis_top: float
    ticks: list[Tick]
    lanes: list[Lane]
    rows: list[Row]
    steps: list[StepRow]
    changes: list[ChangeRow]
    sizes: list[SizeRow]
    pathology: list[Mark]
    decisions: list[Mark]
    bars: list[Bar]
    events: list[Event]

    @property
    def has_pairs(self) -> bool:
        """Whether some breast and view was taken on two dates."""
        return any(len({shot.x for shot in lane.thumbnails}) > 1 for lane in self.lanes)

    @property
    def plot_width(self) -> float:
        return self.right - self.left


def timeline(record: PatientRecord, *, today: date) -> Timeline | None:
    """The drawing and the table; None while nothing is on record."""
    days = _days(record)
    if not days:
        return None
    axis = axis_of(days, [m.exam_date for m in record.mammograms])
    lanes = lanes_of(record, axis)
    pictures = {mammogram.pk: mammogram for mammogram in record.mammograms}
    steps_top = AXIS_HEIGHT + LANE_HEIGHT * len(lanes)
    steps = step_rows(record.recommendations, pictures, x=axis.x, top=steps_top)
    changes_top = steps_top + STEPS_HEIGHT * len(steps)
    changes = change_rows(record.recommendations, pictures, x=axis.x, top=changes_top)
    sizes_top = changes_top + CHANGE_HEIGHT * len(changes)
    pathology_top = sizes_top + SIZE_HEIGHT * len(record.lesions)
    pathology, decisions_top = packed(pathology_marks(record, axis), top=pathology_top)
    decisions, therapy_top = packed(decision_marks(record, axis), top=decisions_top)
    bars = therapy_bars(record, axis, top=therapy_top + THERAPY_PADDING, today=today)
    return Timeline(
        width=axis.width,
        left=LEFT,
        right=axis.width - RIGHT_MARGIN,
        height=therapy_top + THERAPY_PADDING + COURSE_HEIGHT * max(len(bars), 1),
        axis_top=AXIS_HEIGHT,
        ticks=ticks_on(axis),
        lanes=lanes,
        rows=[
            Row(_("Pathology"), pathology_top),
            Row(_("Decisions"), decisions_top),
            Row(_("Therapy"), therapy_top),
        ],
        steps=steps,
        changes=changes,
        sizes=size_rows(record.lesions, x=axis.x, top=sizes_top),
        pathology=pathology,
        decisions=decisions,
        bars=bars,
        events=events(record),
    )


def _days(record: PatientRecord) -> list[date]:
    return [
        *(course.start_date for course in record.courses),
        *(course.end_date for course in record.courses if course.end_date),
        *(cycle.given_date for cycle in record.cycles),
        *(report.report_date for report in record.pathology),
        *(mammogram.exam_date for mammogram in record.mammograms),
        *(decision.signed_at.date() for decision in record.decisions),
    ]
