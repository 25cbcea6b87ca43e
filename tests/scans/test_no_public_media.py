"""Files of patients are answered by pages that look who asks, and lie in no served folder."""

from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from mammotrack.accounts.models import Role
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram
from tests.web import signed_in

pytestmark = pytest.mark.django_db

FOLDERS = ["/", "/media/", "/store/", "/static/", "/static/../store/"]
PATHS = [
    "/mammograms/../../etc/passwd",
    "/mammograms/%2e%2e/%2e%2e/etc/passwd/display/",
    "/mammograms/..%2f..%2fetc%2fpasswd/display/",
    "/static/../store/objects/",
    "/static/%2e%2e/manage.py",
]


def test_A6_no_folder_is_served_and_no_path_leads_out_of_one():
    doctor = signed_in(make_user(Role.DOCTOR, clinics=[make_clinic()]))

    stray = Path(settings.MEDIA_ROOT) / "stray.jpg"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"x")
    for path in (*PATHS, *(f"{folder}stray.jpg" for folder in FOLDERS)):
        assert doctor.get(path).status_code == 404, path


@pytest.mark.parametrize("name", ["display", "thumbnail"])
def test_A6_nobody_signed_in_gets_no_picture(name):
    """Whether it exists or not, the answer is the sign-in page."""
    stored, absent = make_mammogram(make_patient()).pk, make_clinic().pk

    for key in (stored, absent):
        answer = Client().get(reverse(f"scans:{name}", args=[key]))
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sign-in/")
