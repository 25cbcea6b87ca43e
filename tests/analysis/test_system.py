"""S14: what waits, and whether a worker lives."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from analysis.models import WorkerSign
from analysis.system import is_delayed, note_worker, system_state
from analysis.tasks import sweep_task
from mammotrack.accounts.models import Role
from mammotrack.models import now
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_job
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram
from tests.web import assert_status_by_role, assert_strict, signed_in

pytestmark = pytest.mark.django_db


def later(seconds: int):
    return time_machine.travel(now() + timedelta(seconds=seconds), tick=False)


def queued():
    return make_job(make_mammogram(make_patient(make_clinic())))


def test_s14_a_silent_worker_is_noticed_within_a_minute():
    note_worker("worker@here")
    assert not is_delayed()

    with later(60):
        assert is_delayed()


def test_s14_a_worker_that_holds_a_job_is_alive():
    note_worker("worker@here")

    with later(60):
        make_job(
            make_mammogram(make_patient(make_clinic())),
            state="RUNNING",
            lease_until=now() + timedelta(seconds=30),
        )
        assert not is_delayed()


def test_s14_before_the_first_worker_only_what_waits_is_late():
    assert not is_delayed()
    queued()
    assert not is_delayed()

    with later(20):
        assert is_delayed()


def test_s14_the_sweep_is_a_sign_of_life_and_one_row_a_worker(hints):
    sweep_task.apply()
    sweep_task.apply()

    assert WorkerSign.objects.count() == 1
    assert not is_delayed()


def test_s14_the_page_counts_and_names_nobody():
    job = queued()
    reader = make_user(Role.ADMIN, clinics=[make_clinic()])

    answer = signed_in(reader).get(reverse("system"))

    assert_strict(answer)
    assert system_state(reader).queued == 1
    assert job.patient.family_name not in answer.content.decode()


def test_s14_who_may_see_it():
    statuses = {Role.DOCTOR: 200, Role.RADIOGRAPHER: 200, Role.ADMIN: 200, Role.RECEPTIONIST: 403}

    assert_status_by_role(reverse("system"), statuses, {role: make_user(role) for role in statuses})


def test_I1_s14_the_state_is_read_over_http_at_a_browser():
    queued()
    note_worker("worker@here")
    radiographer = make_user(Role.RADIOGRAPHER, clinics=[make_clinic()])

    state = Program(radiographer, browser=True).get("/system/").json()

    assert (state["queued"], state["running"], state["is_delayed"]) == (1, 0, False)
    assert [worker["name"] for worker in state["workers"]] == ["worker@here"]
    assert state["versions"]["rules"] == system_state(radiographer).versions.rules
    assert_problem(Program(radiographer).get("/system/"), 403, "insufficient_scope")
