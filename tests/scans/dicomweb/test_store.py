"""STOW-RS: what is stored, what waits, what is refused, and how the sender is told."""

import hashlib
import json

import pytest
from pydicom import dcmread

from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action
from scans import limits
from scans.dicomweb.answers import WAITS_FOR_A_PERSON
from scans.models import Exam, Mammogram, UnmatchedFile
from tests.audit import entries
from tests.factories.accounts import make_clinic, make_user
from tests.in_process import session_of
from tests.scans.dicomweb.conftest import BASE, body_of, cases, names_of, stow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]

STORED, FAILED, UNNAMED = "00081199", "00081198", "0008119A"


def failures(answer, sequence=FAILED, reason="00081197"):
    """Failure reason and our code of each failed file."""
    return [
        (
            item[reason]["Value"][0],
            item["00741048"]["Value"][0]["00000902"]["Value"][0].partition(":")[0],
        )
        for item in answer.json().get(sequence, {}).get("Value", [])
        if reason in item
    ]


def warnings(answer):
    """Warning reason and our code of each file that was taken with a warning."""
    return failures(answer, STORED, "00081196")


def test_a_file_is_stored_for_the_patient_it_names(program, patient, file_of):
    answer = stow(program, content := file_of(SOPInstanceUID="2.25.77"))

    stored = Mammogram.objects.get()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/dicom+json"
    assert (stored.patient_id, stored.sop_instance_uid) == (patient.pk, "2.25.77")
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert (stored.series_instance_uid, str(stored.position)) == ("2.25.1003", "LCC")
    (item,) = answer.json()[STORED]["Value"]
    assert item["00081150"]["Value"] == ["1.2.840.10008.5.1.4.1.1.1.2"]
    assert item["00081155"]["Value"] == ["2.25.77"]
    assert program.get(item["00081190"]["Value"][0]).status_code == 200
    assert [entry.action for entry in entries(Action.MAMMOGRAM_STORED)] == ["mammogram.stored"]


def test_P13_three_good_and_one_bad_are_answered_202_with_the_bad_one_named(
    program, patient, file_of
):
    good = [file_of(seed, SOPInstanceUID=f"2.25.{seed}") for seed in (1, 2, 3)]
    cut = file_of(4, SOPInstanceUID="2.25.4")[:-1000]

    answer = stow(program, good[0], cut, *good[1:])

    assert answer.status_code == 202
    assert names_of(answer, STORED) == ["2.25.1", "2.25.2", "2.25.3"]
    assert names_of(answer, FAILED) == ["2.25.4"]
    assert failures(answer) == [(0xC000, "truncated_file")]
    assert Mammogram.objects.count() == 3


def test_P13_all_bad_is_409_and_nothing_is_stored(program, patient, file_of, store):
    mr = file_of(1, Modality="MR", SOPInstanceUID="2.25.1")

    answer = stow(program, mr, b"noise" * 100)

    assert answer.status_code == 409
    assert (names_of(answer, FAILED), failures(answer)) == (
        ["2.25.1"],
        [(0x0122, "not_a_mammogram")],
    )
    assert failures(answer, UNNAMED) == [(0xC000, "unsupported_file_type")]
    assert (Mammogram.objects.count(), UnmatchedFile.objects.count()) == (0, 0)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"--cut--\r\n", "multipart/related; boundary=cut", 400, "no_instances"),
        (b"", "multipart/related; boundary=cut", 400, "malformed_multipart"),
        (b"no boundary", "multipart/related; boundary=cut", 400, "malformed_multipart"),
        (b"--cut\r\n\r\nends", "multipart/related; boundary=cut", 400, "malformed_multipart"),
        (b"--cut\r\nnever ends", "multipart/related; boundary=cut", 400, "malformed_multipart"),
        (b"--cutter\r\n\r\n\r\n--cut--", "multipart/related; boundary=cut", 400, None),
        (b"x", "multipart/related", 400, "malformed_multipart"),
        (b"x", "multipart/related; boundary=" + "x" * 201, 400, "malformed_multipart"),
        (b"x", "application/dicom", 415, "unsupported_media_type"),
        (b"x", "multipart/form-data; boundary=cut", 415, "unsupported_media_type"),
        (b"x", "", 415, "unsupported_media_type"),
    ],
)
def test_P13_a_body_without_files_is_400_and_another_kind_415(
    program, body, content_type, status, code
):
    answer = program.post(f"{BASE}/studies", data=body, headers={"Content-Type": content_type})

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert code is None or answer.json()["code"] == code


def test_a_part_of_another_kind_is_415(program, patient, file_of):
    body, _ = body_of(file_of(), kind="image/png")
    kind = "multipart/related; boundary=cut"

    answer = program.post(f"{BASE}/studies", data=body, headers={"Content-Type": kind})

    assert answer.status_code == 415


def test_U28_a_compressed_request_is_415(program, patient, file_of):
    body, kind = body_of(file_of())
    headers = {"Content-Type": kind, "Content-Encoding": "gzip"}

    assert program.post(f"{BASE}/studies", data=body, headers=headers).status_code == 415


def test_U29_an_endless_file_is_413_within_the_limit(program, patient, store, monkeypatch):
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 4 * limits.MIB)
    sent = []

    def endless():
        yield b"--cut\r\nContent-Type: application/dicom\r\n\r\n"
        while len(sent) < 100:
            sent.append(1)
            yield bytes(limits.MIB)

    kind = 'multipart/related; type="application/dicom"; boundary=cut'
    answer = program.post(f"{BASE}/studies", data=endless(), headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert len(sent) < 10
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_U29_what_is_announced_too_long_is_not_read(program, patient):
    body, kind = body_of(b"x")
    headers = {"Content-Type": kind, "Content-Length": str(limits.MAX_REQUEST_BYTES + 1)}
    prepared = program.prepare_request(
        __import__("requests").Request("POST", f"{BASE}/studies", data=body, headers=headers)
    )
    prepared.headers["Content-Length"] = headers["Content-Length"]

    assert program.send(prepared).status_code == 413


def test_too_many_files_in_one_request_are_413(program, patient, monkeypatch):
    monkeypatch.setattr(limits, "MAX_PARTS", 2)

    answer = stow(program, b"1", b"2", b"3")

    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_parts")


def test_I7_a_repeated_store_changes_nothing(program, patient, file_of, hints):
    files = [file_of(seed) for seed in (1, 2)]
    first = stow(program, *files)
    before = entries(), list(Mammogram.objects.order_by("pk").values()), len(hints)

    again = stow(program, *files)

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    written = [entry.action for entry in entries() if entry not in before[0]]
    assert set(written) <= {Action.RECORD_READ}
    assert (list(Mammogram.objects.order_by("pk").values()), len(hints)) == before[1:]


def test_U21_another_file_under_a_known_uid_is_refused_and_the_first_stays(
    program, patient, file_of
):
    stow(program, first := file_of(1, SOPInstanceUID="2.25.9"))

    answer = stow(program, file_of(2, SOPInstanceUID="2.25.9"))

    assert answer.status_code == 409
    assert failures(answer) == [(0x0111, "sop_instance_conflict")]
    assert Mammogram.objects.get().sha256 == hashlib.sha256(first).hexdigest()


def test_I7_an_unknown_patient_waits_and_is_never_registered(program, clinic, file_of, store):
    content = file_of(PatientID="NOBODY-1", PatientName="Someone^Else")

    answer, again = stow(program, content), stow(program, content)

    assert (answer.status_code, again.status_code) == (202, 202)
    assert warnings(answer) == warnings(again) == [(WAITS_FOR_A_PERSON, "unknown_patient")]
    assert failures(answer) == []
    waiting = UnmatchedFile.objects.get()
    assert (waiting.clinic_id, waiting.reason) == (clinic.pk, "unknown_patient")
    assert (waiting.says.patient_id, waiting.says.patient_name) == ("NOBODY-1", "Someone^Else")
    assert store.path_of(waiting.sha256).read_bytes() == content
    assert clinic.patients.count() == Mammogram.objects.count() == Exam.objects.count() == 0
    assert len(entries(Action.FILE_UNMATCHED)) == 1


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"PatientBirthDate": "19700204"}, "patient_mismatch"),
        ({"PatientSex": "M"}, "patient_mismatch"),
        ({"PatientBirthDate": None, "PatientName": "Other^Name"}, "identity_unconfirmed"),
        ({"PatientID": None}, "unknown_patient"),
    ],
)
def test_U22_a_file_that_does_not_fit_the_record_waits(
    program, patient, file_of, attributes, reason
):
    answer = stow(program, file_of(**attributes))

    assert (answer.status_code, failures(answer)) == (202, [])
    assert warnings(answer) == [(WAITS_FOR_A_PERSON, reason)]
    assert (UnmatchedFile.objects.get().reason, Mammogram.objects.count()) == (reason, 0)


@pytest.mark.parametrize(
    "attributes", [{"PatientBirthDate": None}, {"PatientName": "Married^Phantom"}]
)
def test_two_identifiers_of_the_file_are_enough(program, patient, file_of, attributes):
    assert stow(program, file_of(**attributes)).status_code == 200


def test_I7_stored_waiting_and_failed_files_of_one_request_are_told_apart(
    program, patient, file_of
):
    unknown = file_of(2, PatientID="NOBODY-1", SOPInstanceUID="2.25.78")

    answer = stow(program, file_of(1, SOPInstanceUID="2.25.77"), unknown, file_of(3)[:900])

    assert answer.status_code == 202
    stored, waiting = answer.json()[STORED]["Value"]
    assert ("Value" in stored["00081190"], "00081196" in stored) == (True, False)
    assert (waiting["00081190"], "00081196" in waiting) == ({"vr": "UR"}, True)
    assert answer.json()["00081190"] == {"vr": "UR"}  # of no one study
    assert names_of(answer, STORED) == ["2.25.77", "2.25.78"]
    assert len(failures(answer) + failures(answer, UNNAMED)) == 1


def test_a_known_number_of_another_clinic_is_unknown_here(program, stranger, patient, file_of):
    answer = stow(stranger, file_of())

    assert warnings(answer) == [(WAITS_FOR_A_PERSON, "unknown_patient")]


def test_files_of_another_study_than_the_address_names_are_refused(program, patient, file_of):
    files = [file_of(1), file_of(2, StudyInstanceUID="2.25.55", StudyDate="20240201")]

    answer = stow(program, *files, study="2.25.55")

    assert answer.status_code == 202
    assert failures(answer) == [(0xA900, "other_study")]
    assert answer.json()["00081190"]["Value"] == [f"{BASE}/studies/2.25.55"]


def test_a_sender_of_no_clinic_is_refused(file_of):
    answer = stow(session_of(make_user(Role.INTEGRATOR, clinics=[])), file_of())

    assert (answer.status_code, answer.json()["code"]) == (422, "clinic_unclear")


def test_Z11_a_key_sends_for_its_own_clinic_and_no_other(file_of):
    user = make_user(Role.INTEGRATOR, clinics=[make_clinic(), make_clinic()])

    answer = stow(session_of(user), file_of())

    assert answer.status_code == 202
    assert UnmatchedFile.objects.get().clinic == user.clinics.first()


def test_who_may_not_upload_is_403(clinic, file_of):
    receptionist = session_of(make_user(Role.RECEPTIONIST, clinics=[clinic]))

    assert stow(receptionist, file_of()).status_code == 403


def test_the_same_picture_for_somebody_else_raises_the_alert(program, clinic, patient, file_of):
    from tests.factories.patients import make_patient

    make_patient(
        clinic, medical_record_number="MRN-2", family_name="Synthetic", given_name="Phantom"
    )
    stow(program, file_of(1))

    answer = stow(program, file_of(1, PatientID="MRN-2", PatientBirthDate=None))

    assert failures(answer) == [(0x0110, "pixels_of_another_patient")]
    assert len(entries(Action.IDENTITY_ALERT)) == 1


def test_a_real_client_stores_in_chunks(client, patient, file_of, tmp_path):
    (tmp_path / "one.dcm").write_bytes(file_of(1))
    client.set_chunk_size(1000)

    report = client.store_instances([dcmread(tmp_path / "one.dcm")])

    assert len(report.ReferencedSOPSequence) == Mammogram.objects.count() == 1


def test_nothing_of_a_person_is_logged(program, clinic, file_of, caplog):
    answer = stow(program, file_of(PatientID="CANARY-7", PatientName="Canary^Name"))

    assert "CANARY-7" not in caplog.text + json.dumps(answer.json())
    assert "Canary" not in caplog.text + json.dumps(answer.json())


def test_the_films_are_here():
    assert len(cases()) == 8
