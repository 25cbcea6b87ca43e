"""Marks of lesions: who may draw them, what they request, and the sizes that come of them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from django.db import connection

from analysis import selectors
from analysis.mark_limits import MarkRefused
from analysis.models import AnalysisJob, LesionMark
from analysis.receivers import analyse_stored_mammogram
from analysis.services import jobs
from analysis.services.lesions import AlreadySuperseded, mark_lesion
from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.errors import Forbidden
from scans.models import Mammogram
from tests.factories.accounts import make_user
from tests.factories.analysis import make_comparison, make_mark, measured_lesion
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram, make_pair

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hints")]

DISC = {"x": 400.0, "y": 500.0, "radius": 80.0}
DAYS = [date(2024, 1, 5), date(2024, 4, 5), date(2024, 7, 5)]


def make_series(patient: Any = None, **fields: Any) -> list[Mammogram]:
    patient = patient or make_patient()
    return [make_mammogram(patient, exam_date=day, **fields) for day in DAYS]


def doctor() -> Any:
    return make_user(Role.DOCTOR)


def reader_of(row: Any) -> Any:
    """Somebody who may see a patient or a picture."""
    return make_user(Role.DOCTOR, clinics=[row.clinic])


def test_a_mark_is_kept_with_its_author_and_leaves_a_trace():
    prior, _ = make_pair()
    marked_by = doctor()

    mark = mark_lesion(prior, **DISC, marked_by=marked_by)

    kept = LesionMark.objects.get()
    assert (kept.mammogram_id, kept.x, kept.y, kept.radius, kept.marked_by_id) == (
        prior.pk,
        400.0,
        500.0,
        80.0,
        marked_by.pk,
    )
    entry = AuditEntry.objects.get(action=Action.LESION_MARKED)
    assert (entry.actor_id, entry.object_id, entry.patient_id) == (
        marked_by.pk,
        mark.pk,
        prior.patient_id,
    )
    assert entry.detail == {
        "mammogram_id": str(prior.pk),
        "supersedes_id": None,
        "is_new": False,
    }


def test_a_mark_requests_an_analysis_of_every_later_picture_beside_the_earlier_one(hints):
    first, second, third = make_series()
    make_mammogram(first.patient, exam_date=DAYS[1], view="MLO")
    plain, _ = jobs.request_analysis(current=third, prior=second, requested_by=doctor())

    mark = mark_lesion(first, **DISC, marked_by=doctor())

    found = AnalysisJob.objects.filter(mark=mark)
    assert {(job.prior_id, job.current_id) for job in found} == {
        (first.pk, second.pk),
        (first.pk, third.pk),
    }
    assert AnalysisJob.objects.filter(mark=None).get() == plain
    assert len(hints) == 3


def test_the_same_pair_at_two_marks_is_two_jobs_and_at_one_mark_is_one():
    prior, current = make_pair()
    mark = mark_lesion(prior, **DISC, marked_by=doctor())
    mark_lesion(prior, **DISC | {"x": 200.0}, marked_by=doctor())

    again, created = jobs.request_analysis(
        current=current, prior=prior, mark=mark, requested_by=doctor()
    )

    assert (again.mark_id, created) == (mark.pk, False)
    assert AnalysisJob.objects.count() == 2


def test_a_picture_that_arrives_later_is_analysed_at_the_marks_that_hold():
    first, _, _ = make_series()
    old = mark_lesion(first, **DISC, marked_by=doctor())
    holds = mark_lesion(first, **DISC | {"x": 300.0}, supersedes=old, marked_by=doctor())
    other_view = make_mammogram(first.patient, exam_date=DAYS[0], view="MLO")
    make_mark(other_view)
    arrived = make_mammogram(first.patient, exam_date=date(2024, 10, 5))

    analyse_stored_mammogram(mammogram=arrived, stored_by=doctor())

    at_marks = AnalysisJob.objects.filter(current=arrived).exclude(mark=None)
    assert [(job.prior_id, job.mark_id) for job in at_marks] == [(first.pk, holds.pk)]


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.DOCTOR])
def test_only_doctors_mark(role):
    prior, _ = make_pair()

    with pytest.raises(Forbidden):
        mark_lesion(prior, **DISC, marked_by=make_user(role))

    assert not LesionMark.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("disc", "spacing_mm", "code"),
    [
        ({"x": -1.0}, 0.1, "mark_outside_picture"),
        ({"x": 832.0}, 0.1, "mark_outside_picture"),
        ({"y": 1024.0}, 0.1, "mark_outside_picture"),
        ({"x": float("nan")}, 0.1, "mark_outside_picture"),
        ({"radius": 19.0}, 0.1, "mark_radius_out_of_range"),
        ({"radius": 601.0}, 0.1, "mark_radius_out_of_range"),
        ({"radius": float("nan")}, 0.1, "mark_radius_out_of_range"),
        ({"radius": 5.0}, None, "mark_radius_out_of_range"),
        ({"radius": 257.0}, None, "mark_radius_out_of_range"),
        ({"is_new": True}, 0.1, "no_earlier_picture"),
    ],
)
def test_a_mark_out_of_range_is_refused(disc, spacing_mm, code):
    prior, _ = make_pair(pixel_spacing_mm=spacing_mm)

    with pytest.raises(MarkRefused) as refusal:
        mark_lesion(prior, **DISC | disc, marked_by=doctor())

    assert refusal.value.problem_code == code
    assert not LesionMark.objects.exists()
    assert not AnalysisJob.objects.exists()


@pytest.mark.parametrize(
    ("disc", "spacing_mm"),
    [
        ({"radius": 20.0}, 0.1),
        ({"radius": 600.0}, 0.1),
        ({"radius": 256.0}, None),
        ({"x": 0.0}, 0.1),
    ],
)
def test_the_limits_themselves_are_kept(disc, spacing_mm):
    prior, _ = make_pair(pixel_spacing_mm=spacing_mm)

    mark_lesion(prior, **DISC | disc, marked_by=doctor())

    assert LesionMark.objects.count() == 1


def test_a_mark_is_superseded_once_and_stays_as_it_was():
    prior, current = make_pair()
    old = mark_lesion(prior, **DISC, marked_by=doctor())
    new = mark_lesion(prior, **DISC | {"radius": 60.0}, supersedes=old, marked_by=doctor())

    with pytest.raises(AlreadySuperseded):
        mark_lesion(prior, **DISC, supersedes=old, marked_by=doctor())
    with pytest.raises(MarkRefused) as refusal:
        mark_lesion(current, **DISC, supersedes=new, marked_by=doctor())

    assert refusal.value.problem_code == "mark_of_another_picture"
    (lesion,) = selectors.followed_lesions_of(prior.patient, user=reader_of(prior))
    assert (lesion.mark, lesion.is_on(prior)) == (new, True)
    assert LesionMark.objects.get(pk=old.pk).radius == 80.0


def test_of_parallel_replacements_one_wins():
    prior, _ = make_pair()
    old = make_mark(prior)
    marked_by = doctor()

    def replace(_: int) -> bool:
        try:
            mark_lesion(prior, **DISC, supersedes=old, marked_by=marked_by)
        except AlreadySuperseded:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(replace, range(6)))

    assert won.count(True) == 1
    assert LesionMark.objects.count() == 2


def test_a_mark_is_measured_only_with_its_picture_as_the_prior():
    first, second, third = make_series()
    mark = make_mark(first)

    with pytest.raises(jobs.IncomparableMammograms) as refusal:
        jobs.request_analysis(current=third, prior=second, mark=mark, requested_by=doctor())

    assert refusal.value.problem_code == "mark_of_another_picture"


class TestSizesOverTime:
    def test_sizes_run_from_the_marked_picture_over_all_dates(self):
        first, second, third = make_series()
        mark = make_mark(first)
        for current, found in ((third, 24.0), (second, 18.0)):  # finished in this order
            make_comparison(
                prior=first, current=current, mark=mark, lesion=measured_lesion(30.0, found)
            )
        make_comparison(prior=second, current=third)

        (lesion,) = selectors.followed_lesions_of(first.patient, user=reader_of(first.patient))

        assert (lesion.number, lesion.mark.pk) == (1, mark.pk)
        assert [
            (each.size.day, each.size.diameter_mm, each.category.value) for each in lesion.course
        ] == [
            (DAYS[0], 30.0, "baseline"),
            (DAYS[1], 18.0, "partial_decrease"),
            (DAYS[2], 24.0, "increase"),
        ]

    def test_a_newer_measurement_of_the_pair_counts(self):
        first, second, _ = make_series()
        mark = make_mark(first)
        for version, found in (("a", 30.0), ("b", 20.0)):
            make_comparison(
                prior=first,
                current=second,
                mark=mark,
                algorithm_version=version,
                lesion=measured_lesion(30.0, found),
            )

        (lesion,) = selectors.followed_lesions_of(first.patient, user=reader_of(first.patient))

        assert [each.size.diameter_mm for each in lesion.course] == [30.0, 20.0]

    def test_a_lesion_that_is_gone_or_refused_has_no_diameter(self):
        first, second, third = make_series()
        mark = make_mark(first)
        gone = measured_lesion(30.0, None, still_visible=False)
        make_comparison(prior=first, current=second, mark=mark, lesion=gone)
        make_comparison(prior=first, current=third, mark=mark, comparable=False)

        (lesion,) = selectors.followed_lesions_of(first.patient, user=reader_of(first.patient))

        assert [each.category.value for each in lesion.course] == [
            "baseline",
            "no_longer_measurable",
        ]

    def test_a_mass_marked_as_new_is_an_increase_before_it_is_measured(self):
        _, second, _ = make_series()
        mark_lesion(second, **DISC, is_new=True, marked_by=doctor())

        (lesion,) = selectors.followed_lesions_of(second.patient, user=reader_of(second.patient))

        assert [(each.size.day, each.category.value) for each in lesion.course] == [
            (DAYS[1], "new_lesion")
        ]

    def test_lesions_are_numbered_within_breast_and_view_and_keep_their_number(self):
        patient = make_patient()
        left, right = make_series(patient)[0], make_series(patient, laterality="R")[0]
        first = make_mark(left)
        second, other = make_mark(left), make_mark(right)
        anew = make_mark(left, supersedes=first)

        lesions = selectors.followed_lesions_of(patient, user=reader_of(patient))

        assert {lesion.mark.pk: lesion.number for lesion in lesions} == {
            anew.pk: 1,
            second.pk: 2,
            other.pk: 1,
        }
