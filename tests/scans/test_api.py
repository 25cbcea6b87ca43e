"""Exams and mammograms over HTTP: real files through the real decoder."""

from io import BytesIO

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from PIL import Image

from analysis.models import AnalysisJob
from mammotrack.accounts.models import Role
from mammotrack.api.parsers import UploadParser
from scans import limits
from scans.api import MammogramUploadParser
from scans.models import Exam, Mammogram
from tests.api import Program, assert_problem
from tests.factories.accounts import make_clinic, make_user
from tests.factories.patients import make_patient
from tests.factories.scans import make_exam, make_mammogram

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def radiographer(clinic):
    return Program(make_user(Role.RADIOGRAPHER, clinics=[clinic]))


@pytest.fixture
def patient(clinic):
    return make_patient(clinic)


@pytest.fixture
def stranger():
    """A radiographer of another clinic."""
    return Program(make_user(Role.RADIOGRAPHER, clinics=[make_clinic()]))


def png(seed: int = 1) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (256, 192), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def file(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("left.png", content)


def upload(program: Program, patient, /, **fields):
    body = {
        "patient": str(patient.pk),
        "file": file(png()),
        "laterality": "L",
        "view": "CC",
        "exam_date": "2024-06-01",
        "confirmed_identifiers": ["name", "birth_date"],
    } | fields
    body = {name: value for name, value in body.items() if value is not None}
    return program.post("/mammograms/", body, format="multipart")


@pytest.mark.usefixtures("store", "hints")
class TestUpload:
    def test_file_is_stored_and_its_analysis_queued(self, clinic, radiographer, hints):
        patient = make_patient(clinic)

        answer = upload(radiographer, patient, accession_number="ACC-9", pixel_spacing_mm="0.094")

        assert answer.status_code == 201
        mammogram = Mammogram.objects.get()
        assert answer.headers["Location"] == f"/api/v1/mammograms/{mammogram.pk}/"
        row = answer.json()
        assert (row["id"], row["patient"]) == (str(mammogram.pk), str(patient.pk))
        assert (row["laterality"], row["view"], row["file_format"]) == ("L", "CC", "PNG")
        assert (row["rows"], row["columns"], row["pixel_spacing_mm"]) == (256, 192, 0.094)
        read = radiographer.get(f"/mammograms/{mammogram.pk}/").json()
        assert read == row | {"age_at_exam": "54", "therapy_place": None}
        exam = radiographer.get(f"/exams/{row['exam']}/").json()
        assert (exam["accession_number"], exam["exam_date"]) == ("ACC-9", "2024-06-01")
        assert hints == [str(AnalysisJob.objects.get().pk)]

    def test_very_same_file_again_is_the_same_mammogram(self, clinic, radiographer):
        patient = make_patient(clinic)

        first, second = upload(radiographer, patient), upload(radiographer, patient)

        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json() == second.json()
        assert first.headers["Location"] == second.headers["Location"]
        assert Mammogram.objects.count() == 1

    @pytest.mark.parametrize(
        ("sent", "problem"),
        [
            ({"file": file(b"")}, (422, "empty_file")),
            ({"file": file(b"plain text")}, (415, "unsupported_file_type")),
            ({"file": file(png()[:2000])}, (422, "truncated_file")),
            ({"view": None}, (422, "missing_position")),
            ({"laterality": None}, (422, "missing_position")),
            ({"exam_date": "2999-01-01"}, (422, "invalid_exam_date")),
            ({"exam_date": "1960-01-01"}, (400, "birth_after_exam")),
        ],
    )
    def test_refused_file_leaves_nothing(self, radiographer, patient, store, sent, problem):
        answer = upload(radiographer, patient, **sent)

        assert_problem(answer, *problem)
        assert not Mammogram.objects.exists()
        assert not Exam.objects.exists()
        assert not AnalysisJob.objects.exists()
        assert [path for path in store.root.rglob("*") if path.is_file()] == []

    @pytest.mark.parametrize(
        ("fields", "pointers"),
        [
            ({"file": None}, ["#/file"]),
            ({"file": "no file"}, ["#/file"]),
            ({"laterality": "LEFT"}, ["#/laterality"]),
            ({"view": "ML0", "accession_number": "x" * 17}, ["#/accession_number", "#/view"]),
            ({"pixel_spacing_mm": "nan"}, ["#/pixel_spacing_mm"]),
            ({"pixel_spacing_mm": "0"}, ["#/pixel_spacing_mm"]),
            ({"patient": "1"}, ["#/patient"]),
            ({"clinic": "1", "sha256": "0"}, ["#/clinic", "#/sha256"]),
        ],
    )
    def test_form_out_of_shape_is_refused(self, clinic, radiographer, fields, pointers):
        document = assert_problem(
            upload(radiographer, make_patient(clinic), **fields), 400, "invalid"
        )

        assert sorted(error["pointer"] for error in document["errors"]) == pointers
        assert not Mammogram.objects.exists()

    def test_file_of_one_patient_is_refused_for_another(self, clinic, radiographer):
        upload(radiographer, make_patient(clinic))

        again = upload(radiographer, make_patient(clinic))

        assert_problem(again, 409, "pixels_of_another_patient")
        assert Mammogram.objects.count() == 1

    def test_patient_of_another_clinic_is_absent(self, clinic, stranger):
        assert_problem(upload(stranger, make_patient(clinic)), 404, "not_found")

        assert not Mammogram.objects.exists()

    def test_json_is_no_upload(self, radiographer):
        assert_problem(radiographer.post("/mammograms/", {}), 415, "unsupported_media_type")

    def test_broken_form_is_refused(self, radiographer):
        def send(body: bytes, content_type: str = MULTIPART_CONTENT):
            return radiographer.post("/mammograms/", body, format=None, content_type=content_type)

        assert_problem(send(b"x", "multipart/form-data"), 400, "parse_error")
        whole = encode_multipart(BOUNDARY, {"patient": "\u00e4"})
        assert_problem(send(whole, f"{MULTIPART_CONTENT}; charset=rot13"), 400, "invalid")
        many = encode_multipart(BOUNDARY, {f"f{n}": "x" for n in range(1001)})
        assert_problem(send(many), 400, "bad_request")
        long = encode_multipart(BOUNDARY, {"identity_reason": "x" * 1024 * 1024})
        assert_problem(send(long), 413, "body_too_large")

    def test_too_long_body_is_refused_unread(self, clinic, radiographer, monkeypatch):
        assert MammogramUploadParser.max_bytes == limits.MAX_FILE_BYTES + limits.MIB
        assert issubclass(MammogramUploadParser, UploadParser)
        monkeypatch.setattr(MammogramUploadParser, "max_bytes", 1000)

        answer = upload(radiographer, make_patient(clinic))

        document = assert_problem(answer, 413, "body_too_large")
        assert "at most 1000" in document["detail"]
        assert not Mammogram.objects.exists()


class TestReading:
    def test_lists_take_the_patient_and_the_exam(self, clinic, radiographer):
        first, second = make_mammogram(make_patient(clinic)), make_mammogram(make_patient(clinic))

        def found(path: str) -> list[str]:
            return [row["id"] for row in radiographer.get(path).json()["results"]]

        assert set(found("/mammograms/")) == {str(first.pk), str(second.pk)}
        assert found(f"/mammograms/?patient={first.patient_id}") == [str(first.pk)]
        assert found(f"/mammograms/?exam={second.exam_id}") == [str(second.pk)]
        assert found(f"/exams/?patient={second.patient_id}") == [str(second.exam_id)]

    def test_another_clinics_rows_are_absent(self, clinic, stranger):
        exam = make_exam(make_patient(clinic))
        mammogram = make_mammogram(exam=exam)

        assert stranger.get("/exams/").json()["results"] == []
        assert stranger.get(f"/mammograms/?patient={exam.patient_id}").json()["results"] == []
        assert_problem(stranger.get(f"/exams/{exam.pk}/"), 404, "not_found")
        assert_problem(stranger.get(f"/mammograms/{mammogram.pk}/"), 404, "not_found")

    def test_receptionist_sees_no_pictures(self, clinic):
        receptionist = Program(make_user(Role.RECEPTIONIST, clinics=[clinic]))

        assert_problem(receptionist.get("/mammograms/"), 403, "forbidden")


@pytest.mark.usefixtures("store", "hints")
class TestPictures:
    def test_I1_a_stored_mammogram_is_fetched_in_three_sizes(self, radiographer, patient):
        address = f"/mammograms/{upload(radiographer, patient).json()['id']}/"

        pixels = picture_of(radiographer.get(f"{address}pixels/"), "image/png")
        display = picture_of(radiographer.get(f"{address}display/"), "image/jpeg")
        thumbnail = picture_of(radiographer.get(f"{address}thumbnail/"), "image/jpeg")

        assert np.array_equal(pixels, np.asarray(Image.open(BytesIO(png()))))
        assert (display.shape, thumbnail.shape[0]) == ((256, 192), 240)

    def test_Z02_another_clinics_pictures_do_not_exist(self, radiographer, stranger, patient):
        address = f"/mammograms/{upload(radiographer, patient).json()['id']}/"

        for name in ("pixels", "display", "thumbnail"):
            assert_problem(stranger.get(f"{address}{name}/"), 404, "not_found")


def picture_of(answer, kind: str):
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    return np.asarray(Image.open(BytesIO(b"".join(answer.streaming_content))))
