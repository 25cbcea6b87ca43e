"""The same course as a table: what happened on which day, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.utils.translation import gettext as _

from analysis.choices import RecommendationStatus
from analysis.exam_result import exam_result, has_category
from analysis.models import AnalysisJob, Decision, Prediction, Recommendation
from analysis.presenters.lesions import size_sentence, size_text
from analysis.presenters.proposals import proposal_in_words
from analysis.presenters.words import category_meaning, proposal_label, verdict_label
from analysis.selectors import PatientRecord
from analysis.timeline.sizes import lesion_label
from analysis.timeline.words import course_text, pathology_text, place_of, position_text
from patients.models import PathologyReport, TherapyCourse, TherapyCycle
from patients.presenters import age_at_exam, receptors
from scans.models import Mammogram


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


def events(record: PatientRecord) -> list[Event]:
    """Everything on record, newest first; on one day the decision stands above its evidence."""
    rows = [
        *_therapy_events(record),
        *(
            Event(r.report_date, 1, _("Pathology"), pathology_text(r), _pathology_detail(r))
            for r in record.pathology
        ),
        *_exam_events(record),
        *_size_events(record),
        *_analysis_events(record),
        *_decision_events(record),
    ]
    return sorted(rows, key=lambda event: (event.day, event.rank), reverse=True)


def _therapy_events(record: PatientRecord) -> list[Event]:
    courses = {course.pk: course for course in record.courses}
    starts = [
        Event(
            c.start_date,
            0,
            _("Therapy"),
            _("%(course)s begins") % {"course": course_text(c)},
            _planned(c),
        )
        for c in record.courses
    ]
    ends = [
        Event(
            c.end_date,
            0,
            _("Therapy"),
            _("%(course)s ends") % {"course": course_text(c)},
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


def _planned(course: TherapyCourse) -> str:
    planned = _("%(number)s cycles planned") % {"number": course.planned_cycles}
    cycles = planned if course.planned_cycles else ""
    return ", ".join(filter(None, (course.get_intent_display(), cycles)))


def _cycle_text(cycle: TherapyCycle, course: TherapyCourse) -> str:
    words = {"regimen": course.regimen, "number": cycle.number, "planned": course.planned_cycles}
    if course.planned_cycles:
        return _("%(regimen)s, cycle %(number)s of %(planned)s") % words
    return _("%(regimen)s, cycle %(number)s") % words


def _dose_text(cycle: TherapyCycle) -> str:
    if not cycle.dose_changed:
        return ""
    words = {"percent": cycle.dose_percent, "reason": cycle.get_dose_reason_display().lower()}
    return _("Dose %(percent)s %%: %(reason)s") % words


def _pathology_detail(report: PathologyReport) -> str:
    grade = _("grade %(grade)s") % {"grade": report.grade} if report.grade else ""
    return "; ".join(filter(None, (report.get_histology_display(), grade, receptors(report))))


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


def _about_exam(
    record: PatientRecord, pictures: list[Mammogram], newest: dict[UUID, Prediction]
) -> Iterator[str]:
    first = pictures[0]
    yield place_of(record, first)
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
    text = f"{device}. " + _("Computer suggestion, worst picture: %(said)s") % {"said": said}
    silent = [picture for picture in pictures if not has_category(newest.get(picture.pk))]
    if silent:
        names = ", ".join(f"{picture.laterality} {picture.view}" for picture in silent)
        text += ". " + _("Without a category: %(pictures)s") % {"pictures": names}
    return text


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
        title = _("Computer suggestion: %(proposal)s") % {"proposal": proposal_in_words(found)}
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
        _("Analysis %(position)s") % {"position": position_text(current)},
        title,
        detail,
        simulated=current.is_simulated,
        category=category,
        job_id=job.pk,
    )


def _found(prediction: Prediction) -> str:
    if not prediction.assessable:
        return _("Not assessable")
    return _("Abstains") if prediction.abstained else category_meaning(prediction.category)


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
