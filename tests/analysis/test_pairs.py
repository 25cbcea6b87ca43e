"""An exam hung view by view beside the one before it."""

from datetime import date, datetime

from analysis.models import AnalysisJob
from analysis.pairs import hang
from scans.models import Exam, Mammogram

FIRST, SECOND, THIRD = date(2023, 1, 5), date(2024, 1, 5), date(2024, 7, 5)


def film(day: date, laterality: str, view: str, *, mm: float | None = 0.1) -> Mammogram:
    return Mammogram(
        exam=Exam(exam_date=day),
        exam_date=day,
        laterality=laterality,
        view=view,
        rows=2000,
        columns=1500,
        pixel_spacing_mm=mm,
        created_at=datetime.combine(day, datetime.min.time()),
    )


def test_d3_each_view_hangs_beside_the_latest_earlier_one_and_never_beside_another():
    oldest, older = film(FIRST, "L", "CC"), film(SECOND, "L", "CC")
    others = [film(SECOND, "R", "MLO"), film(THIRD, "L", "MLO")]
    current = film(THIRD, "L", "CC")
    job = AnalysisJob(prior=older, current=current)

    hung = hang(current.exam, [current, oldest, older, *others], [job])

    told = [
        (
            str(row.position),
            row.prior and row.prior.mammogram,
            row.current and row.current.mammogram,
        )
        for row in hung.rows
    ]
    assert told == [
        ("RCC", None, None),
        ("LCC", older, current),
        ("RMLO", others[0], None),
        ("LMLO", None, others[1]),
    ]
    assert [row.job_id for row in hung.rows] == [None, job.pk, None, None]


def test_d3_films_are_drawn_in_millimetres_with_the_chest_wall_at_the_edge():
    wide, narrow = film(THIRD, "R", "CC", mm=0.1), film(SECOND, "R", "CC", mm=0.05)

    hung = hang(wide.exam, [wide, narrow], [])

    row = hung.rows[0]
    assert (hung.width, hung.height, hung.lacks_scale) == (150, 200, False)
    assert row.prior
    assert (row.prior.width, row.prior.height) == (75, 100)
    assert row.prior.x + row.prior.width == hung.width  # a right breast: its wall at the right
    assert row.prior.y == 50


def test_d3_a_film_of_unknown_scale_is_said_to_be_one():
    unscaled = film(THIRD, "L", "CC", mm=None)

    assert hang(unscaled.exam, [unscaled], []).lacks_scale
