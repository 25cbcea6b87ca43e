"""Who asks: a hospital's program and a doctor of one clinic."""

import pytest

from mammotrack.accounts.models import Clinic, Role, User
from tests.factories.accounts import make_clinic, make_user
from tests.in_process import session_of


@pytest.fixture
def clinic() -> Clinic:
    return make_clinic()


@pytest.fixture
def program(clinic: Clinic):
    return session_of(make_user(Role.INTEGRATOR, clinics=[clinic]))


@pytest.fixture
def doctor(clinic: Clinic) -> User:
    return make_user(Role.DOCTOR, clinics=[clinic])
