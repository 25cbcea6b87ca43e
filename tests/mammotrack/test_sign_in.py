"""Signing in and out, where each role starts, and the pages of errors."""

import pytest
from django.test import Client
from django.urls import reverse

from mammotrack.accounts.models import Role
from tests.factories.accounts import make_clinic, make_user
from tests.web import assert_strict, signed_in

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-enough-password"


def attempt(username: str, password: str, **data: str):
    return Client().post(
        reverse("account_login"), {"login": username, "password": password, **data}, follow=False
    )


def test_the_sign_in_page_is_public_and_strict():
    answer = Client().get(reverse("account_login"))

    assert answer.status_code == 200
    assert_strict(answer)


@pytest.mark.parametrize(
    ("role", "start"),
    [
        (Role.DOCTOR, "/worklist/"),
        (Role.RADIOGRAPHER, "/worklist/"),
        (Role.RECEPTIONIST, "/patients/"),
        (Role.ADMIN, "/system/"),
    ],
)
def test_each_role_starts_at_its_work(role, start):
    user = make_user(role, clinics=[make_clinic()], password=PASSWORD)

    client = Client()
    client.post(reverse("account_login"), {"login": user.username, "password": PASSWORD})
    answer = client.get(reverse("home"))

    assert (answer.status_code, answer.headers["Location"]) == (302, start)


def test_a_researcher_is_told_that_there_is_nothing():
    answer = signed_in(make_user(Role.RESEARCHER)).get(reverse("home"))

    assert answer.status_code == 200
    assert "Nothing to open here" in answer.content.decode()


def test_wrong_password_unknown_and_closed_account_read_the_same():
    known = make_user(Role.DOCTOR, password=PASSWORD)
    closed = make_user(Role.DOCTOR, password=PASSWORD, is_active=False)

    answers = [
        attempt(known.username, "wrong-password-here"),
        attempt("nobody", "wrong-password-here"),
        attempt(closed.username, PASSWORD),
    ]

    assert {str(answer.context["form"].errors) for answer in answers} == {
        str(answers[0].context["form"].errors)
    }
    assert all("_auth_user_id" not in answer.client.session for answer in answers)


def test_sign_in_leads_back_to_a_page_of_this_site_only():
    user = make_user(Role.DOCTOR, password=PASSWORD)

    inside = attempt(user.username, PASSWORD, next="/patients/new/")
    outside = attempt(user.username, PASSWORD, next="https://evil.example/")

    assert inside.headers["Location"] == "/patients/new/"
    assert outside.headers["Location"] == reverse("home")


def test_sign_out_is_a_post():
    client = signed_in(make_user(Role.DOCTOR))

    assert client.get(reverse("account_logout")).status_code == 200  # asks, and ends nothing
    assert client.get(reverse("worklist")).status_code == 200
    assert client.post(reverse("account_logout")).headers["Location"] == reverse("account_login")
    assert client.get(reverse("worklist")).status_code == 302


def test_a_live_part_sends_a_signed_out_browser_to_sign_in():
    answer = Client().get(reverse("worklist"), headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, reverse("account_login"))


def test_error_pages_show_the_request_id():
    client = signed_in(make_user(Role.DOCTOR))
    sent = {"X-Request-ID": "request-4711"}

    absent = client.get("/nothing-here/", headers=sent)
    unlisted = client.get(reverse("worklist"), {"tab": "nothing"}, headers=sent)

    for answer in (absent, unlisted):
        assert answer.status_code == 404
        assert "request-4711" in answer.content.decode()
        assert_strict(answer)


def test_an_unforeseen_error_is_a_plain_page_with_its_id(monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("analysis.views.renewing.worklist_rows", fail)
    client = signed_in(make_user(Role.DOCTOR))

    answer = client.get(reverse("worklist"), headers={"X-Request-ID": "request-4711"})

    text = answer.content.decode()
    assert answer.status_code == 500
    assert "request-4711" in text
    assert "secret detail" not in text
