"""The patient's course on one axis of clinical time, as values a template draws.

Every mark's x is proportional to its date. Marks are placed by when something happened,
not by when it was entered.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from analysis.choices import RecommendationStatus
from analysis.exam_result import exam_result
from analysis.models import AnalysisJob, Decision, Prediction, Recommendation
from analysis.presenters.lesions import size_sentence, size_text
from analysis.presenters.words import category_meaning, proposal_label, verdict_label
from analysis.score_timeline import (
    CHANGE_HEIGHT,
    STEPS_HEIGHT,
    ChangeRow,
    StepRow,
    change_rows,
    step_rows,
)
from analysis.selectors import PatientRecord
from analysis.size_timeline import HEIGHT as SIZE_HEIGHT
from analysis.size_timeline import SizeRow, lesion_label, size_rows
from patients.choices import PathologyResult
from patients.models import PathologyReport, TherapyCourse, TherapyCycle
from patients.presenters import age_at_exam, receptors
from patients.therapy_place import therapy_place
from scans.models import Mammogram

LANES = ("LCC", "LMLO", "RCC", "RMLO")

LEFT, RIGHT_MARGIN = 132, 36
NARROWEST, WIDEST = 1120, 4800
AXIS_HEIGHT, LANE_HEIGHT, MARK_HEIGHT, COURSE_HEIGHT = 34, 84, 30, 38
BAR_HEIGHT = 12
THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 54, 72
FEWEST_DAYS = 60
TICK_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
TICK_WIDTH = 84
LETTER_WIDTH = 6.6
MARK_GAP = 14


@dataclass(frozen=True)
class Axis:
    first: date
    last: date
    width: float

    def x(self, day: date) -> float:
        share = (day - self.first).days / (self.last - self.first).days
        return round(LEFT + share * (self.width - LEFT - RIGHT_MARGIN), 1)


@dataclass(frozen=True)
class Tick:
    x: float
    label: str


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


@dataclass(frozen=True)
class Row:
    label: str
    top: float


@dataclass(frozen=True)
class Bar:
    """One course of therapy with the cycles given."""

    x: float
    width: float
    top: float
    cycle_bottom: float
    text_y: float
    label: str
    kind: str
    goes_on: bool
    cycles: list[Tick]


@dataclass(frozen=True)
class Mark:
    """A point in time; its words stand left of it where there is no room to the right."""

    x: float
    label: str
    kind: str
    anchor: str
    text_x: int
    top: float


@dataclass(frozen=True)
class Event:
    """One row of the table that says the same in words."""

    day: date
    rank: int
    kind: str
    title: str
    detail: str
    simulated: bool = False
    category: str = ""
    job_id: UUID | None = None
    pictures: tuple[Mammogram, ...] = ()

    @property
    def exam_id(self) -> UUID | None:
        return self.pictures[0].exam_id if self.pictures else None


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
    axis = _axis(days, [m.exam_date for m in record.mammograms])
    lanes = _lanes(record, axis)
    pictures = {mammogram.pk: mammogram for mammogram in record.mammograms}
    steps_top = AXIS_HEIGHT + LANE_HEIGHT * len(lanes)
    steps = step_rows(record.recommendations, pictures, x=axis.x, top=steps_top)
    changes_top = steps_top + STEPS_HEIGHT * len(steps)
    changes = change_rows(record.recommendations, pictures, x=axis.x, top=changes_top)
    sizes_top = changes_top + CHANGE_HEIGHT * len(changes)
    pathology_top = sizes_top + SIZE_HEIGHT * len(record.lesions)
    pathology, decisions_top = _packed(_pathology_marks(record, axis), top=pathology_top)
    decisions, therapy_top = _packed(_decision_marks(record, axis), top=decisions_top)
    bars = _bars(record, axis, top=therapy_top + 12, today=today)
    return Timeline(
        width=axis.width,
        left=LEFT,
        right=axis.width - RIGHT_MARGIN,
        height=therapy_top + 12 + COURSE_HEIGHT * max(len(bars), 1),
        axis_top=AXIS_HEIGHT,
        ticks=_ticks(axis),
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


def events(record: PatientRecord) -> list[Event]:
    """Everything on record, newest first; on one day the decision stands above its evidence."""
    rows = [
        *_therapy_events(record),
        *(
            Event(r.report_date, 1, _("Pathology"), _pathology_text(r), _pathology_detail(r))
            for r in record.pathology
        ),
        *_exam_events(record),
        *_size_events(record),
        *_analysis_events(record),
        *_decision_events(record),
    ]
    return sorted(rows, key=lambda event: (event.day, event.rank), reverse=True)


def _days(record: PatientRecord) -> list[date]:
    return [
        *(course.start_date for course in record.courses),
        *(course.end_date for course in record.courses if course.end_date),
        *(cycle.given_date for cycle in record.cycles),
        *(report.report_date for report in record.pathology),
        *(mammogram.exam_date for mammogram in record.mammograms),
        *(decision.signed_at.date() for decision in record.decisions),
    ]


def _axis(days: Iterable[date], exam_days: Iterable[date]) -> Axis:
    """Wide enough that thumbnails of two exam days stand side by side, up to a limit."""
    first, last = min(days), max(days)
    margin = timedelta(days=max((last - first).days // 20, 14))
    first, last = first - margin, max(last + margin, first + timedelta(days=FEWEST_DAYS))
    distinct = sorted(set(exam_days))
    closest = min(((b - a).days for a, b in pairwise(distinct)), default=FEWEST_DAYS)
    needed = LEFT + RIGHT_MARGIN + (last - first).days * (THUMBNAIL_WIDTH + 6) / closest
    return Axis(first, last, width=round(min(max(NARROWEST, needed), WIDEST)))


def _ticks(axis: Axis) -> list[Tick]:
    months = (axis.last.year - axis.first.year) * 12 + axis.last.month - axis.first.month
    most = (axis.width - LEFT - RIGHT_MARGIN) / TICK_WIDTH
    step = next((step for step in TICK_MONTHS if months / step <= most), TICK_MONTHS[-1])
    ticks = []
    start = axis.first.year * 12 + axis.first.month  # the month after the first one
    for month in range(start + -start % step, start + months + step, step):
        day = date(month // 12, month % 12 + 1, 1)
        if axis.first <= day <= axis.last:
            ticks.append(
                Tick(axis.x(day), str(day.year) if step >= 12 else date_format(day, "M Y"))
            )
    return ticks


def _lanes(record: PatientRecord, axis: Axis) -> list[Lane]:
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
                place=_place_of(record, mammogram),
            )
            for mammogram in record.mammograms
            if str(mammogram.position) == label
        ]
        lanes.append(Lane(f"{label[0]} {label[1:]}", top, top + LANE_HEIGHT / 2, thumbnails))
    return lanes


def _job_by_picture(jobs: Iterable[AnalysisJob]) -> dict[UUID, UUID]:
    """The analysis to open from a picture: the newest, one with a prior before one without."""
    ranked = sorted(jobs, key=lambda job: (job.prior_id is not None, job.created_at))
    return {job.current_id: job.pk for job in ranked}


def _bars(record: PatientRecord, axis: Axis, *, top: float, today: date) -> list[Bar]:
    bars = []
    for index, course in enumerate(record.courses):
        end = course.end_date or max(min(today, axis.last), course.start_date)
        start_x, end_x = axis.x(course.start_date), axis.x(end)
        bars.append(
            Bar(
                x=start_x,
                width=max(round(end_x - start_x, 1), 3),
                top=top + index * COURSE_HEIGHT,
                cycle_bottom=top + index * COURSE_HEIGHT + BAR_HEIGHT + 3,
                text_y=top + index * COURSE_HEIGHT + BAR_HEIGHT + 15,
                label=_course_text(course),
                kind=course.kind.lower(),
                goes_on=course.end_date is None,
                cycles=[
                    Tick(axis.x(cycle.given_date), str(cycle.number))
                    for cycle in record.cycles
                    if cycle.course_id == course.pk
                ],
            )
        )
    return bars


def _pathology_marks(record: PatientRecord, axis: Axis) -> list[Mark]:
    return [
        _mark(axis, report.report_date, _pathology_text(report), report.result.lower())
        for report in record.pathology
    ]


def _decision_marks(record: PatientRecord, axis: Axis) -> list[Mark]:
    pictures = {mammogram.pk: _position(mammogram) for mammogram in record.mammograms}
    positions = {found.pk: pictures[found.current_id] for found in record.recommendations}
    return [
        _mark(
            axis,
            decision.signed_at.date(),
            f"{positions[decision.recommendation_id]}: {proposal_label(decision.choice).lower()}",
            "accepted" if decision.follows_proposal else "overridden",
        )
        for decision in reversed(record.decisions)
    ]


def _mark(axis: Axis, day: date, label: str, kind: str) -> Mark:
    x = axis.x(day)
    if x + MARK_GAP + len(label) * LETTER_WIDTH > axis.width:
        return Mark(x, label, kind, anchor="end", text_x=-MARK_GAP, top=0)
    return Mark(x, label, kind, anchor="start", text_x=MARK_GAP, top=0)


def _packed(marks: Iterable[Mark], *, top: float) -> tuple[list[Mark], float]:
    """Put each mark into the first row where its words fit; returns them with the next free y."""
    ends: list[float] = []
    placed = []
    for mark in sorted(marks, key=_start_of):
        row = next((i for i, end in enumerate(ends) if end < _start_of(mark)), len(ends))
        ends[row : row + 1] = [_start_of(mark) + _width_of(mark)]
        placed.append(replace(mark, top=top + row * MARK_HEIGHT))
    return placed, top + MARK_HEIGHT * max(len(ends), 1)


def _start_of(mark: Mark) -> float:
    left_of_x = MARK_GAP if mark.anchor == "start" else _width_of(mark) - MARK_GAP
    return mark.x - left_of_x


def _width_of(mark: Mark) -> float:
    return 2 * MARK_GAP + len(mark.label) * LETTER_WIDTH


def _therapy_events(record: PatientRecord) -> list[Event]:
    courses = {course.pk: course for course in record.courses}
    starts = [
        Event(
            c.start_date,
            0,
            _("Therapy"),
            _("%(course)s begins") % {"course": _course_text(c)},
            _planned(c),
        )
        for c in record.courses
    ]
    ends = [
        Event(
            c.end_date,
            0,
            _("Therapy"),
            _("%(course)s ends") % {"course": _course_text(c)},
            c.get_stop_reason_display(),
        )
        for c in record.courses
        if c.end_date
    ]
    cycles = [
        Event(
            cycle.given_date,
            0,
            _("Cycle"),
            _cycle_text(cycle, courses[cycle.course_id]),
            _dose_text(cycle),
        )
        for cycle in record.cycles
    ]
    return starts + ends + cycles


def _exam_events(record: PatientRecord) -> list[Event]:
    """One row an exam: its pictures, its place in the therapy, the age at that day, and the
    worst that the model suggests of each breast."""
    newest = {
        found.current_id: found.current_prediction for found in reversed(record.recommendations)
    }
    exams: dict[UUID, list[Mammogram]] = {}
    for mammogram in record.mammograms:
        exams.setdefault(mammogram.exam_id, []).append(mammogram)
    return [
        Event(
            pictures[0].exam_date,
            2,
            _("Exam"),
            "",
            "; ".join(filter(None, _about_exam(record, pictures, newest))),
            pictures=tuple(pictures),
        )
        for pictures in exams.values()
    ]


def _place_of(record: PatientRecord, mammogram: Mammogram) -> str:
    place = therapy_place(record.courses, record.cycles, mammogram.exam_date)
    return place.label if place else ""


def _about_exam(
    record: PatientRecord, pictures: list[Mammogram], newest: dict[UUID, Prediction]
) -> Iterator[str]:
    first = pictures[0]
    yield _place_of(record, first)
    yield age_at_exam(record.patient, first.exam_date)
    yield _exam_text(pictures, newest)
    if not record.analysis_allowed and first.pk not in {job.current_id for job in record.jobs}:
        yield _("not analysed: the patient does not allow it")


def _exam_text(pictures: list[Mammogram], newest: dict[UUID, Prediction]) -> str:
    device = pictures[0].device_model or pictures[0].file_format
    result = exam_result(
        (picture.laterality, newest[picture.pk]) for picture in pictures if picture.pk in newest
    )
    if result.exam is None:
        return device
    sides = [(_("left"), result.left), (_("right"), result.right), (_("exam"), result.exam)]
    said = ", ".join(f"{name} {category}" for name, category in sides if category)
    return f"{device}. " + _("Computer suggestion, worst picture: %(said)s") % {"said": said}


def _size_events(record: PatientRecord) -> list[Event]:
    """One row a date on which a followed lesion was measured, or marked to be."""
    rows = []
    for lesion in record.lesions:
        marked = ". " + _("Marked by %(who)s") % {"who": lesion.mark.marked_by.full_name}
        for at, found in enumerate(lesion.course):
            rows.append(
                Event(
                    found.size.day,
                    3,
                    _("Lesion size"),
                    f"{lesion_label(lesion)}: {size_text(found)}",
                    size_sentence(found) + (marked if at == 0 else ""),
                )
            )
    return rows


def _analysis_events(record: PatientRecord) -> list[Event]:
    """One row an analysis, on the day of the picture it is about."""
    pictures = {mammogram.pk: mammogram for mammogram in record.mammograms}
    proposals = {recommendation.job_id: recommendation for recommendation in record.recommendations}
    return [
        _analysis_event(job, pictures[job.current_id], proposals.get(job.pk)) for job in record.jobs
    ]


def _analysis_event(job: AnalysisJob, current: Mammogram, found: Recommendation | None) -> Event:
    title = _("Analysis %(state)s") % {"state": job.get_state_display().lower()}
    detail, category = "", ""
    if found:
        prediction, comparison = found.current_prediction, found.comparison
        title = _("Computer suggestion: %(proposal)s") % {
            "proposal": proposal_label(found.proposal)
        }
        if found.status == RecommendationStatus.SUPERSEDED:
            title += " " + _("(superseded)")
        if prediction.assessable and not prediction.abstained:
            category = prediction.category
        change = (verdict_label(comparison.verdict) if comparison else _("No prior")).lower()
        if job.mark_id:
            change = _("%(change)s at the marked lesion") % {"change": change}
        model = _("Model %(version)s") % {"version": prediction.model_version}
        detail = f"{_found(prediction)}; {change}. {model}"
    return Event(
        current.exam_date,
        3,
        _("Analysis %(position)s") % {"position": _position(current)},
        title,
        detail,
        simulated=current.is_simulated,
        category=category,
        job_id=job.pk,
    )


def _decision_events(record: PatientRecord) -> list[Event]:
    jobs = {recommendation.pk: recommendation.job_id for recommendation in record.recommendations}
    return [
        Event(
            decision.signed_at.date(),
            4,
            _("Decision"),
            proposal_label(decision.choice),
            _decision_text(decision),
            job_id=jobs.get(decision.recommendation_id),
        )
        for decision in record.decisions
    ]


def _decision_text(decision: Decision) -> str:
    amends = _("Version %(version)s.") % {"version": decision.version}
    follows = (
        _("Follows the proposal.") if decision.follows_proposal else _("Overrides the proposal.")
    )
    signed = _("Signed by %(who)s") % {"who": decision.signed_by.full_name}
    told = (amends if decision.version > 1 else "", follows, decision.reason, signed)
    return " ".join(filter(None, told))


def _position(mammogram: Mammogram) -> str:
    return f"{mammogram.laterality} {mammogram.view}"


def _found(prediction: Prediction) -> str:
    if not prediction.assessable:
        return _("Not assessable")
    return _("Abstains") if prediction.abstained else category_meaning(prediction.category)


def _course_text(course: TherapyCourse) -> str:
    return f"{course.get_kind_display()} {course.regimen}"


def _planned(course: TherapyCourse) -> str:
    planned = _("%(number)s cycles planned") % {"number": course.planned_cycles}
    cycles = planned if course.planned_cycles else ""
    return ", ".join(filter(None, (course.get_intent_display(), cycles)))


def _dose_text(cycle: TherapyCycle) -> str:
    if not cycle.dose_changed:
        return ""
    words = {"percent": cycle.dose_percent, "reason": cycle.get_dose_reason_display().lower()}
    return _("Dose %(percent)s %%: %(reason)s") % words


def _pathology_detail(report: PathologyReport) -> str:
    grade = _("grade %(grade)s") % {"grade": report.grade} if report.grade else ""
    return "; ".join(filter(None, (report.get_histology_display(), grade, receptors(report))))


def _cycle_text(cycle: TherapyCycle, course: TherapyCourse) -> str:
    words = {"regimen": course.regimen, "number": cycle.number, "planned": course.planned_cycles}
    if course.planned_cycles:
        return _("%(regimen)s, cycle %(number)s of %(planned)s") % words
    return _("%(regimen)s, cycle %(number)s") % words


def _pathology_text(report: PathologyReport) -> str:
    words = {
        "side": report.get_laterality_display(),
        "result": PathologyResult(report.result).label.lower(),
    }
    return _("%(side)s breast %(result)s") % words
