"""The language a page speaks is the person's choice, kept for them and for the browser."""

import pytest
from django.test import Client
from django.urls import reverse

from mammotrack.accounts.models import Role
from tests.factories.accounts import make_clinic, make_user
from tests.web import signed_in

pytestmark = pytest.mark.django_db


def choose(client: Client, language: str, back: str = "/about/"):
    return client.post(reverse("account_language"), {"language": language, "next": back})


def test_s16_pages_are_english_until_somebody_chooses(client):
    assert b'<html lang="en" dir="ltr"' in client.get("/sign-in/").content


def test_s16_a_browser_that_asks_for_spanish_gets_it(client):
    page = client.get("/sign-in/", headers={"Accept-Language": "es-CL,es;q=0.9,en;q=0.5"})

    assert b'<html lang="es" dir="ltr"' in page.content
    assert "Iniciar sesión" in page.content.decode()


def test_s16_the_choice_is_kept_by_the_browser(client):
    answer = choose(client, "es", "/sign-in/")

    assert (answer.status_code, answer.url) == (302, "/sign-in/")
    assert answer.cookies["language"]["httponly"]
    assert "Iniciar sesión" in client.get("/sign-in/").content.decode()


def test_s16_the_choice_goes_with_the_person_to_another_browser():
    doctor = make_user(Role.DOCTOR, clinics=[make_clinic()])
    choose(signed_in(doctor), "es")

    elsewhere = signed_in(doctor).get("/about/")

    assert "Lo que no hace" in elsewhere.content.decode()
    assert b'lang="en"' in signed_in(make_user()).get("/about/").content.partition(b"<head>")[0]


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:x", ""])
def test_s16_the_way_back_never_leaves_the_site(client, back):
    assert choose(client, "es", back).url == "/"


@pytest.mark.parametrize("language", ["", "fr", "es-evil", "../es", "en\r\nX: y"])
def test_s16_a_language_that_is_not_spoken_is_refused(client, language):
    answer = choose(client, language)

    assert answer.status_code == 400
    assert "language" not in answer.cookies


def test_s16_what_programs_read_stays_english():
    doctor = make_user(Role.DOCTOR, clinics=[make_clinic()], language="es")

    answer = signed_in(doctor).get(
        "/api/v1/patients/00000000-0000-0000-0000-000000000000/",
        headers={"Accept-Language": "es"},
    )

    assert answer.json()["detail"] == "There is no such patient."


def test_s16_a_refusal_is_told_on_a_page_in_the_readers_language():
    doctor = make_user(Role.DOCTOR, clinics=[make_clinic()], language="es")

    page = signed_in(doctor).get("/patients/00000000-0000-0000-0000-000000000000/")

    assert page.status_code == 404
    assert "Ese paciente no existe." in page.content.decode()


def test_s16_scripts_get_their_texts_as_a_script(client):
    english, spanish = client.get("/texts/en.js"), client.get("/texts/es.js")

    assert spanish["Content-Type"].startswith("text/javascript")
    assert spanish["Cache-Control"] == "public, max-age=3600"
    assert len(spanish.content) > len(english.content)
    assert client.get("/texts/fr.js").status_code in (302, 404)
