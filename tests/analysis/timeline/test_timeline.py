"""The timeline's geometry and its table."""

from datetime import UTC, date, datetime

import pytest

from analysis.choices import Proposal
from analysis.lesions import FollowedLesion
from analysis.models import AnalysisJob, Decision, LesionMark, Prediction, Recommendation
from analysis.selectors import PatientRecord
from analysis.size_category import LesionSize, size_course
from analysis.timeline import timeline
from analysis.timeline.axis import LEFT, RIGHT_MARGIN
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


def test_a_followed_lesion_has_a_row_a_line_and_words():
    """30, 18 and 24 mm: the last is an increase over the smallest."""
    days = [date(2024, 1, 5), date(2024, 4, 5), date(2024, 7, 5), date(2024, 10, 5)]
    pictures = [shot(day) for day in days]
    mark = LesionMark(mammogram=pictures[0], marked_by=User(full_name="Dr. Vera Lund"))
    course = size_course(
        [
            LesionSize(day=day, diameter_mm=found, measurable=found is not None)
            for day, found in zip(days, (30.0, 18.0, 24.0, None), strict=True)
        ]
    )

    drawn = timeline(
        record(mammograms=pictures, lesions=[FollowedLesion(1, mark, course)]), today=TODAY
    )

    (row,) = drawn.sizes
    assert row.label == "L CC lesion 1"
    assert [(point.text, point.kind) for point in row.points] == [
        ("30 mm", "baseline"),
        ("18 mm", "partial_decrease"),
        ("24 mm", "increase"),
        ("not measurable", "no_longer_measurable"),
    ]
    assert [point.x for point in row.points] == [each.x for each in drawn.lanes[0].thumbnails]
    largest, smallest, grown, gone = (point.y for point in row.points)
    assert row.top < largest < grown < smallest < gone < row.top + 76
    assert len(row.line.split()) == 4
    assert drawn.rows[0].top == row.top + 76
    words = [(e.title, e.detail) for e in drawn.events if e.kind == "Lesion size"]
    assert words[1] == (
        "L CC lesion 1: 24 mm",
        "Size category, RECIST-like: increase. Baseline 30 mm, smallest before 18 mm",
    )
    assert words[-1][1].endswith("baseline. Marked by Dr. Vera Lund")


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


def test_d10_an_exam_names_the_pictures_without_a_category_beside_its_worst():
    exam = Exam()
    read, silent, unread = (
        shot(TODAY, *place, exam=exam) for place in (("L", "CC"), ("L", "MLO"), ("R", "CC"))
    )
    answers = [
        Recommendation(
            current=picture,
            proposal=Proposal.NOT_ASSESSABLE,
            current_prediction=Prediction(category=category, abstained=not category),
        )
        for picture, category in ((read, "2"), (silent, ""))
    ]

    drawn = timeline(
        record(mammograms=[read, silent, unread], recommendations=answers), today=TODAY
    )

    (said,) = (event.detail for event in drawn.events if event.pictures)
    assert "left 2, exam 2. Without a category: L MLO, R CC" in said


def test_d10_an_exam_read_whole_names_no_picture_without_a_category():
    picture = shot(TODAY)
    answer = Recommendation(
        current=picture,
        proposal=Proposal.NOT_ASSESSABLE,
        current_prediction=Prediction(category="2"),
    )

    drawn = timeline(record(mammograms=[picture], recommendations=[answer]), today=TODAY)

    (said,) = (event.detail for event in drawn.events if event.pictures)
    assert said.endswith("left 2, exam 2")


def test_a_lesion_on_a_picture_of_unknown_scale_has_no_size_rather_than_none_of_it():
    picture = shot(TODAY)
    mark = LesionMark(mammogram=picture, marked_by=User(full_name="Dr. Vera Lund"))
    course = size_course([LesionSize(day=TODAY, diameter_mm=None, measurable=True)])

    drawn = timeline(
        record(mammograms=[picture], lesions=[FollowedLesion(1, mark, course)]), today=TODAY
    )

    (row,) = drawn.sizes
    assert [point.text for point in row.points] == ["no size"]
