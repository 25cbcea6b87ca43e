"""The timeline's geometry and its table."""

from datetime import UTC, date, datetime

import pytest

from analysis.choices import Proposal
from analysis.models import AnalysisJob, Decision, Prediction, Recommendation
from analysis.selectors import PatientRecord
from analysis.timeline import LEFT, RIGHT_MARGIN, timeline
from mammotrack.accounts.models import User
from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle
from scans.models import Exam, Mammogram

TODAY = date(2026, 11, 22)


def shot(day: date, laterality: str = "L", view: str = "CC", exam: Exam | None = None) -> Mammogram:
    return Mammogram(exam=exam or Exam(), exam_date=day, laterality=laterality, view=view)


def record(**rows: list) -> PatientRecord:
    nothing = {name: [] for name in PatientRecord.__dataclass_fields__}
    other = {"patient": Patient(birth_date=date(1970, 5, 17)), "analysis_allowed": True}
    return PatientRecord(**nothing | other | rows)


def test_nothing_on_record_draws_nothing():
    assert timeline(record(), today=TODAY) is None


def test_x_is_proportional_to_the_date():
    days = [date(2024, 1, 10), date(2024, 4, 9), date(2025, 1, 4)]

    drawn = timeline(record(mammograms=[shot(day) for day in days]), today=TODAY)

    first, second, third = (each.x for each in drawn.lanes[0].thumbnails)
    assert (second - first) / (third - first) == pytest.approx(90 / 360, abs=1e-3)
    assert LEFT < first < third < drawn.width - RIGHT_MARGIN


def test_close_exams_widen_the_axis_until_they_stand_side_by_side():
    days = [date(2024, 1, 1), date(2024, 2, 1), date(2025, 6, 1)]

    drawn = timeline(record(mammograms=[shot(day) for day in days]), today=TODAY)

    first, second, _ = (each.left for each in drawn.lanes[0].thumbnails)
    assert second - first >= 54


def test_lanes_are_the_four_views_and_any_other():
    pictures = [shot(date(2024, 1, 1), "R", "ML"), shot(date(2024, 1, 1), "R", "MLO")]

    drawn = timeline(record(mammograms=pictures), today=TODAY)

    assert [(lane.label, len(lane.thumbnails)) for lane in drawn.lanes] == [
        ("L CC", 0),
        ("L MLO", 0),
        ("R CC", 0),
        ("R MLO", 1),
        ("R ML", 1),
    ]


def test_a_late_entered_cycle_stands_between_its_neighbours():
    course = TherapyCourse(
        kind="CHEMOTHERAPY", regimen="AC-T", planned_cycles=4, start_date=date(2024, 1, 10)
    )
    cycles = [
        TherapyCycle(course=course, number=number, given_date=day)
        for number, day in ((1, date(2024, 1, 10)), (3, date(2024, 2, 21)), (2, date(2024, 1, 31)))
    ]

    drawn = timeline(
        record(courses=[course], cycles=cycles, mammograms=[shot(date(2024, 2, 10))]), today=TODAY
    )

    assert [event.title or event.kind for event in drawn.events] == [
        "AC-T, cycle 3 of 4",
        "Exam",
        "AC-T, cycle 2 of 4",
        "Chemotherapy AC-T begins",
        "AC-T, cycle 1 of 4",
    ]
    assert drawn.bars[0].goes_on is True
    assert [tick.label for tick in drawn.bars[0].cycles] == ["1", "3", "2"]


def test_words_of_marks_never_lie_on_each_other():
    reports = [
        PathologyReport(laterality=side, result="MALIGNANT", report_date=date(2024, 1, day))
        for side, day in (("L", 3), ("R", 4))
    ]

    drawn = timeline(record(pathology=reports, mammograms=[shot(date(2026, 1, 1))]), today=TODAY)

    assert len({mark.top for mark in drawn.pathology}) == 2


def test_one_row_holds_the_pictures_of_one_exam():
    exam = Exam()
    pictures = [shot(date(2024, 1, 1), side, exam=exam) for side in ("L", "R")]

    drawn = timeline(record(mammograms=pictures), today=TODAY)

    assert [event.pictures for event in drawn.events] == [tuple(pictures)]


def test_a_picture_opens_its_comparison_before_its_single_analysis():
    current, prior = shot(date(2024, 6, 1)), shot(date(2024, 1, 1))
    compared = AnalysisJob(
        current=current, prior=prior, created_at=datetime(2024, 6, 1, tzinfo=UTC)
    )
    alone = AnalysisJob(current=current, created_at=datetime(2024, 6, 2, tzinfo=UTC))

    drawn = timeline(record(mammograms=[prior, current], jobs=[alone, compared]), today=TODAY)

    assert [each.job_id for each in drawn.lanes[0].thumbnails] == [None, compared.pk]


def test_a_decision_is_marked_where_it_was_signed():
    current = shot(date(2024, 6, 1))
    recommendation = Recommendation(
        job=AnalysisJob(current=current), current=current, current_prediction=Prediction()
    )
    decision = Decision(
        recommendation=recommendation,
        choice=Proposal.REFER,
        follows_proposal=False,
        reason="Palpable nodule.",
        signed_by=User(full_name="Dr. Vera Lund"),
        signed_at=datetime(2024, 6, 3, 9, 30, tzinfo=UTC),
    )

    drawn = timeline(
        record(mammograms=[current], recommendations=[recommendation], decisions=[decision]),
        today=TODAY,
    )

    assert [(mark.label, mark.kind) for mark in drawn.decisions] == [
        ("L CC: refer for further work-up", "overridden")
    ]
    assert drawn.events[0].detail == (
        "Overrides the proposal. Palpable nodule. Signed by Dr. Vera Lund"
    )
