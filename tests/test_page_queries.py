"""The pages everybody opens ask the database a few things, however much is in it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from mammotrack.accounts.models import Role
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_read_patient, make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram
from tests.web import HTMX, signed_in

pytestmark = pytest.mark.django_db

MOST_QUERIES = 15
MOST_OF_THE_TIMELINE = 16  # with the emergencies of who asks, which every record needs


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def patient(clinic):
    patient = make_read_patient(clinic)
    for _ in range(5):
        make_recommendation(current=make_mammogram(make_patient(clinic), view="CC"))
    return patient


def queries_of(send) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        answer = send()
    assert answer.status_code == 200
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("tab", ["review", "overdue", "mine", "failed", "today", "signed"])
def test_s03_the_worklist(clinic, patient, tab):
    client = signed_in(make_user(Role.DOCTOR, clinics=[clinic]))

    asked = queries_of(lambda: client.get(reverse("worklist"), {"tab": tab}))

    assert len(asked) <= MOST_QUERIES, "\n".join(query[:120] for query in asked)


def test_s04_a_search(clinic, patient):
    client = signed_in(make_user(Role.DOCTOR, clinics=[clinic]))

    asked = queries_of(
        lambda: client.post(reverse("patients:search"), {"text": "oka"}, headers=HTMX)
    )

    assert len(asked) <= MOST_QUERIES, "\n".join(query[:120] for query in asked)


def test_s06_the_timeline(clinic, patient):
    client = signed_in(make_user(Role.DOCTOR, clinics=[clinic]))

    asked = queries_of(lambda: client.get(reverse("patients:detail", args=[patient.pk])))

    assert len(asked) <= MOST_OF_THE_TIMELINE, "\n".join(query[:120] for query in asked)
