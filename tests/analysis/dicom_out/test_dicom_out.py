"""Results as DICOM objects: read back by pydicom and highdicom."""

from io import BytesIO, StringIO
from uuid import uuid4

import highdicom as hd
import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image
from pydicom import dcmread

from mammotrack.accounts.models import Role
from tests.audit import reads
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import (
    make_comparison,
    make_prediction,
    make_recommendation,
)
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram, make_pair
from tests.in_process import HOST, session_of

pytestmark = pytest.mark.django_db

SHA = "ab" * 32


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def program(clinic):
    return session_of(make_user(Role.INTEGRATOR, clinics=[clinic]))


@pytest.fixture
def recommendation(clinic, store):
    """Of a pair of right MLO pictures of two exams, with a map of what changed."""
    prior, current = make_pair(make_patient(clinic), laterality="R", view="MLO")
    pixels = np.zeros((40, 30, 3), np.uint8)
    pixels[10:20, 5:9] = (200, 40, 10)
    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    key = "0" * 64
    store.put_derived(key, {"ssim_map.png": written.getvalue()})
    return make_recommendation(
        prior=prior,
        current=current,
        comparison=make_comparison(prior=prior, current=current, pictures_key=key),
        current_prediction=make_prediction(
            current, model_version="birads-2", model_sha256=SHA, category="4"
        ),
    )


def address(recommendation, what: str) -> str:
    return f"{HOST}/dicomweb/recommendations/{recommendation.pk}/{what}"


def fetched(program, recommendation, what: str):
    answer = program.get(address(recommendation, what))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/dicom"
    return dcmread(BytesIO(answer.content))


def read_as_report(ds):
    return hd.sr.ComprehensiveSR.from_dataset(ds)


def test_I9_the_evidence_is_both_pictures_of_their_own_studies(program, recommendation):
    report = fetched(program, recommendation, "report")

    listed = {
        reference.ReferencedSOPInstanceUID: study.StudyInstanceUID
        for sequence in (
            report.CurrentRequestedProcedureEvidenceSequence,
            report.PertinentOtherEvidenceSequence,
        )
        for study in sequence
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    }
    prior, current = recommendation.prior, recommendation.current
    assert listed == {
        picture.sop_instance_uid: picture.exam.study_instance_uid for picture in (prior, current)
    }
    assert report.StudyInstanceUID == current.exam.study_instance_uid
    assert report.PatientID == current.patient.medical_record_number


def test_I9_each_finding_names_its_algorithm_version_and_breast(program, recommendation):
    report = read_as_report(fetched(program, recommendation, "report"))

    groups = report.content.get_image_measurement_groups()
    made_by = [algorithm_of(group) for group in groups]
    assert ("MammoTrack BI-RADS classifier", f"birads-2 sha256:{SHA}") in made_by
    assert ("MammoTrack comparison", "ssim-test") in made_by
    assert ("MammoTrack rules", recommendation.rules_version) in made_by
    assert len(made_by) == 4
    assert {group.finding_sites[0].laterality.meaning for group in groups} == {"Right"}


def algorithm_of(group) -> tuple[str, str]:
    """By the concept names of TID 4019."""
    said = {
        item.ConceptNameCodeSequence[0].CodeValue: item.get("TextValue")
        for item in group[0].ContentSequence
        if item.ValueType == "TEXT"
    }
    return said["111001"], said["111003"]


def test_I9_the_measurements_and_the_category_are_read_back(program, recommendation):
    report = read_as_report(fetched(program, recommendation, "report"))

    by_name = {
        algorithm_of(group): group for group in report.content.get_image_measurement_groups()
    }
    classified = by_name["MammoTrack BI-RADS classifier", f"birads-2 sha256:{SHA}"]
    compared = by_name["MammoTrack comparison", "ssim-test"]
    (category,) = classified.get_qualitative_evaluations()
    scores = {measured.name.value: measured.value for measured in compared.get_measurements()}
    assert (category.value.scheme_designator, category.value.value) == ("SCT", "397144001")
    assert len(classified.get_measurements()) == 5
    assert scores == {"ssim": 0.91, "ssim-baseline": 0.62, "change": 0.05}
    (verdict,) = compared.get_qualitative_evaluations()
    assert verdict.value.meaning == "No detectable change"
    assert len(compared.source_images) == 2


def test_I9_a_report_is_a_computers_preliminary_and_unverified(program, recommendation):
    report = fetched(program, recommendation, "report")

    assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    assert report.CompletionFlag == "COMPLETE"
    (observer,) = report_observers(report)
    assert observer == "MammoTrack"
    assert (report.Modality, report.SOPClassUID) == ("SR", "1.2.840.10008.5.1.4.1.1.88.33")


def report_observers(report) -> list[str]:
    names = [
        item.TextValue
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "121013"
    ]
    people = [
        item
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "121008"
    ]
    assert people == []
    return names


def test_I9_the_same_proposal_is_the_same_object(program, recommendation):
    for what in ("report", "change-map"):
        first, second = (program.get(address(recommendation, what)).content for _ in range(2))
        assert dcmread(BytesIO(first)).to_json() == dcmread(BytesIO(second)).to_json()


def test_a_picture_without_a_prior_has_a_report_and_no_map(program, clinic):
    alone = make_recommendation(current=make_mammogram(make_patient(clinic)))

    report = fetched(program, alone, "report")
    missing = program.get(address(alone, "change-map"))

    assert "PertinentOtherEvidenceSequence" not in report
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_a_model_that_abstains_gives_no_category(program, clinic):
    current = make_mammogram(make_patient(clinic))
    unsure = make_prediction(current, abstained=True, category="5")
    row = make_recommendation(current=current, current_prediction=unsure)

    report = read_as_report(fetched(program, row, "report"))

    (group, _) = report.content.get_image_measurement_groups()
    (category,) = group.get_qualitative_evaluations()
    assert category.value.meaning == "The model gives no category"


def test_I9_the_map_is_a_secondary_capture_of_the_current_study(program, recommendation, store):
    capture = fetched(program, recommendation, "change-map")

    with Image.open(store.derived_path("0" * 64, "ssim_map.png")) as shown:
        assert np.array_equal(capture.pixel_array, np.asarray(shown))
    current, prior = recommendation.current, recommendation.prior
    assert capture.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert capture.StudyInstanceUID == current.exam.study_instance_uid
    assert capture.SoftwareVersions == "ssim-test"
    assert [item.ReferencedSOPInstanceUID for item in capture.SourceImageSequence] == [
        prior.sop_instance_uid,
        current.sop_instance_uid,
    ]
    assert capture.Laterality == "R"


def test_Z02_another_clinics_results_do_not_exist(recommendation):
    stranger = session_of(make_user(Role.INTEGRATOR, clinics=[make_clinic()]))
    receptionist = session_of(make_user(Role.RECEPTIONIST, clinics=[recommendation.clinic]))

    for what in ("report", "change-map"):
        assert stranger.get(address(recommendation, what)).status_code == 404
        assert receptionist.get(address(recommendation, what)).status_code == 403


def test_P05_only_dicom_is_sent(program, recommendation):
    headers = {"Accept": "application/json"}

    assert program.get(address(recommendation, "report"), headers=headers).status_code == 406


def test_I9_the_command_writes_both_and_leaves_a_trace(clinic, recommendation, tmp_path):
    doctor = make_user(Role.DOCTOR, clinics=[clinic])
    said = StringIO()

    call_command(
        "export_dicom", recommendation.pk, tmp_path / "out", by=doctor.username, stdout=said
    )

    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["change-map.dcm", "report.dcm"]
    assert hd.sr.srread(tmp_path / "out" / "report.dcm").PatientID
    assert len(said.getvalue().splitlines()) == 2
    assert (reads()[-1].actor, reads()[-1].detail["view"]) == (doctor, "export_dicom")
    with pytest.raises(CommandError):
        call_command("export_dicom", uuid4(), tmp_path, by=doctor.username)
    with pytest.raises(CommandError):
        call_command("export_dicom", recommendation.pk, tmp_path, by="nobody")
