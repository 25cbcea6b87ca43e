"""What was suggested over time: steps of BI-RADS, and change above its noise band."""

from datetime import date

from analysis.models import Comparison, Prediction, Recommendation
from analysis.timeline.scores import CHANGE_HEIGHT, STEPS_HEIGHT, change_rows, step_rows
from scans.models import Exam, Mammogram

FIRST, SECOND = date(2024, 1, 5), date(2024, 7, 5)


def film(day: date, laterality: str = "L", view: str = "CC") -> Mammogram:
    return Mammogram(exam=Exam(), exam_date=day, laterality=laterality, view=view)


def found(
    current: Mammogram,
    category: str = "2",
    *,
    prior: Mammogram | None = None,
    **comparison: object,
) -> Recommendation:
    return Recommendation(
        current=current,
        prior=prior,
        current_prediction=Prediction(category=category, abstained=not category),
        comparison=Comparison(**comparison) if comparison else None,  # type: ignore[misc]
    )


def rows(make, recommendations):
    pictures = {each.current_id: each.current for each in recommendations}
    return make(recommendations, pictures, x=lambda day: float(day.toordinal()), top=100.0)


def test_d1_the_worst_picture_of_each_breast_makes_its_step():
    read = [
        found(film(FIRST, view="CC"), "2"),
        found(film(FIRST, view="MLO"), "4"),
        found(film(SECOND), "5"),
        found(film(FIRST, "R"), "3"),
    ]

    left, right = rows(step_rows, read)

    assert (left.label, right.label) == ("BI-RADS L", "BI-RADS R")
    assert [(step.x, step.category) for step in left.steps] == [
        (FIRST.toordinal(), "4"),
        (SECOND.toordinal(), "5"),
    ]
    assert left.steps[1].y < left.steps[0].y  # worse stands higher
    assert right.top == left.top + STEPS_HEIGHT


def test_d1_the_line_is_level_until_the_next_exam():
    (row,) = rows(step_rows, [found(film(FIRST), "2"), found(film(SECOND), "6")])

    before, corner, after = (
        tuple(float(each) for each in point.split(",")) for point in row.line.split()
    )
    assert corner == (after[0], before[1])


def test_an_abstention_makes_no_step_and_a_breast_without_any_no_row():
    assert rows(step_rows, [found(film(FIRST), "")]) == []


def test_d6_change_stands_over_its_noise_band():
    prior, current = film(FIRST), film(SECOND)
    read = [
        found(
            current,
            prior=prior,
            verdict="progression",
            change_probability=0.9,
            change_probability_low=0.7,
            change_probability_high=0.98,
            change_threshold=0.5,
        )
    ]

    (row,) = rows(change_rows, read)

    (point,) = row.points
    assert point.high_y < point.y < point.low_y < row.band_top < row.bottom
    assert row.top < point.high_y
    assert row.bottom < row.top + CHANGE_HEIGHT
    assert "Progression, probability of change 90 % (70 % to 98 %)" in point.sentence


def test_what_was_not_comparable_has_no_point():
    refused = found(film(SECOND), prior=film(FIRST), verdict="not_comparable")

    assert rows(change_rows, [refused]) == []


def test_the_newest_reading_counts_and_one_with_a_prior_before_one_without():
    prior, current = film(FIRST), film(SECOND)
    alone = found(current, "5")
    compared = found(current, "2", prior=prior)
    older = found(current, "6", prior=prior)

    (row,) = rows(step_rows, [alone, compared, older])

    assert [step.category for step in row.steps] == ["2"]
