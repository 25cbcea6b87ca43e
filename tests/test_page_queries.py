"""The pages everybody opens ask the database a few things, however much is in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analysis.models import Recommendation
from mammotrack.accounts.models import Role
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_read_patient, make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram
from tests.web import HTMX, signed_in

pytestmark = pytest.mark.django_db

MOST_QUERIES = 15


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

    assert len(asked) <= MOST_QUERIES, "\n".join(query[:120] for query in asked)


PAGES = {
    "worklist": lambda client, patient: client.get(reverse("worklist")),
    "signed": lambda client, patient: client.get(reverse("worklist"), {"tab": "signed"}),
    "patients": lambda client, patient: client.get(reverse("patients:list")),
    "search": lambda client, patient: client.post(
        reverse("patients:search"), {"text": "oka"}, headers=HTMX
    ),
    "timeline": lambda client, patient: client.get(reverse("patients:detail", args=[patient.pk])),
    "analysis": lambda client, patient: client.get(
        reverse("analysis:detail", args=[Recommendation.objects.filter(patient=patient)[0].job_id])
    ),
}


@pytest.mark.parametrize("page", PAGES)
def test_g_every_query_of_a_page_finds_its_rows_by_an_index(clinic, patient, page):
    """As the server planned it: nothing reads a collection from end to end."""
    client = signed_in(make_user(Role.DOCTOR, clinics=[clinic]))

    with profiled() as planned:
        answer = PAGES[page](client, patient)

    assert answer.status_code == 200
    assert len(planned) >= 5
    assert [each["ns"] for each in planned if each.get("planSummary") == "COLLSCAN"] == []


@contextmanager
def profiled() -> Iterator[list[dict[str, Any]]]:
    """What the database says of each query of this block, at its end."""
    database, found = connection.database, []
    database["system.profile"].drop()
    database.command("profile", 2)
    try:
        yield found
    finally:
        database.command("profile", 0)
        found += database["system.profile"].find({"planSummary": {"$exists": True}})
        database["system.profile"].drop()
