"""What the machine drew, over HTTP: heat maps, maps of change, the grid between two films."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from analysis.pictures import CORRESPONDENCE, HEAT_MAP
from mammotrack.accounts.models import Role
from mammotrack.accounts.policy import Scope
from ml_models.similar.reference import reference_set
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_prediction, make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_pair

pytestmark = pytest.mark.django_db

HEAT_KEY = hashlib.sha256(b"heat").hexdigest()


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def program(clinic):
    user = make_user(Role.INTEGRATOR, clinics=[clinic])
    return Program(user, scopes=[Scope.RECOMMENDATIONS_READ])


@pytest.fixture
def stranger():
    return Program(make_user(Role.DOCTOR, clinics=[make_clinic()]))


@pytest.fixture
def proposal(clinic, store, tmp_path):
    """With a heat map of the current picture and two files of the comparison kept."""
    prior, current = make_pair(make_patient(clinic))
    proposal = make_recommendation(
        prior=prior,
        current=current,
        current_prediction=make_prediction(current, heat_map_key=HEAT_KEY),
    )
    store.put_derived(HEAT_KEY, {HEAT_MAP: drawn(tmp_path / "heat.png", 7)})
    kept = {"ssim_map.png": drawn(tmp_path / "map.png", 9)}
    grid = tmp_path / "grid"
    grid.write_bytes(np.arange(6, dtype="<f4").tobytes())
    store.put_derived(proposal.comparison.pictures_key, kept | {CORRESPONDENCE: grid})
    return proposal


def drawn(path: Path, level: int) -> Path:
    cv2.imwrite(str(path), np.full((4, 4), level, np.uint8))
    return path


def content_of(answer) -> bytes:
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    return b"".join(answer.streaming_content)


def level_of(answer) -> int:
    assert answer.headers["Content-Type"] == "image/png"
    encoded = np.frombuffer(content_of(answer), np.uint8)
    return int(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)[0, 0])


def test_I1_the_heat_map_of_a_prediction_is_fetched(program, proposal):
    address = f"/predictions/{proposal.current_prediction_id}/heat-map/"

    assert level_of(program.get(address)) == 7
    assert level_of(program.get(address, headers={"Accept": "image/png"})) == 7
    without = program.get(f"/predictions/{proposal.prior_prediction_id}/heat-map/")
    assert_problem(without, 404, "not_found")
    assert_problem(program.get(address, headers={"Accept": "text/html"}), 406, "not_acceptable")


def test_I1_the_pictures_of_a_comparison_are_listed_and_fetched(program, proposal):
    listed = program.get(f"/comparisons/{proposal.comparison_id}/pictures/").json()

    assert [each["name"] for each in listed] == ["ssim_map"]
    assert level_of(program.get(listed[0]["address"].removeprefix("/api/v1"))) == 9
    absent = program.get(f"/comparisons/{proposal.comparison_id}/pictures/edges/")
    assert_problem(absent, 404, "not_found")


def test_I1_the_grid_of_a_registered_pair_is_fetched(program, proposal):
    answer = program.get(f"/comparisons/{proposal.comparison_id}/correspondence/")

    grid = np.frombuffer(content_of(answer), "<f4")
    assert grid.tolist() == [0, 1, 2, 3, 4, 5]


def test_I1_the_picture_of_a_reference_case_is_fetched(program):
    pictures = reference_set().picture_path("cdd11-R-CC")

    answer = program.get("/reference-cases/cdd11-R-CC/picture/")

    assert content_of(answer) == pictures.read_bytes()
    assert_problem(program.get("/reference-cases/nobody/picture/"), 404, "not_found")


def test_Z02_another_clinics_pictures_do_not_exist(stranger, proposal):
    for address in (
        f"/predictions/{proposal.current_prediction_id}/heat-map/",
        f"/comparisons/{proposal.comparison_id}/pictures/",
        f"/comparisons/{proposal.comparison_id}/pictures/ssim_map/",
        f"/comparisons/{proposal.comparison_id}/correspondence/",
    ):
        assert_problem(stranger.get(address), 404, "not_found")


def test_I2_a_key_without_the_scope_sees_none(clinic, proposal):
    program = Program(make_user(Role.DOCTOR, clinics=[clinic]), scopes=[Scope.SCANS_WRITE])

    for address in (
        f"/predictions/{proposal.current_prediction_id}/heat-map/",
        f"/comparisons/{proposal.comparison_id}/pictures/ssim_map/",
    ):
        assert_problem(program.get(address), 403, "insufficient_scope")


def test_analyses_are_found_by_their_picture(program, proposal):
    found = program.get(f"/analyses/?current={proposal.current_id}").json()["results"]

    assert [each["id"] for each in found] == [str(proposal.job_id)]
    assert program.get(f"/analyses/?current={proposal.prior_id}").json()["results"] == []
