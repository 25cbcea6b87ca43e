"""QIDO-RS and WADO-RS, by a client nobody here wrote, and what a stranger gets."""

import hashlib
from datetime import date
from io import BytesIO

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from mammotrack.accounts.models import Role
from mammotrack.audit.models import Action
from scans.models import Mammogram
from tests.api import Program
from tests.audit import entries, reads
from tests.dicom_files import breast, compressed, mammogram, png, write_dicom
from tests.factories.accounts import make_user
from tests.factories.patients import make_patient
from tests.scans.dicomweb.conftest import BASE, cases, stow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "hints")]

STUDY, SERIES = "2.25.1002", "2.25.1003"


@pytest.fixture
def stored(program, patient, file_of):
    """The address of one stored instance, and its bytes."""
    content = file_of(SOPInstanceUID="2.25.77", AccessionNumber="ACC-9")
    assert stow(program, content).status_code == 200
    return f"{BASE}/studies/{STUDY}/series/{SERIES}/instances/2.25.77", content


def parts_of(answer) -> list[tuple[str, bytes]]:
    boundary = answer.headers["Content-Type"].partition("boundary=")[2].encode()
    parts = answer.content.split(b"--" + boundary)[1:-1]
    heads = [part.partition(b"\r\n\r\n") for part in parts]
    return [(head.decode().strip(), content[:-2]) for head, _, content in heads]


def register(clinic, path):
    """The person a film of CBIS-DDSM names: there is no birth date, so number and name agree."""
    name = str(dcmread(path, stop_before_pixels=True).PatientID)
    return make_patient(
        clinic,
        medical_record_number=name,
        family_name=name,
        given_name="",
        birth_date=date(1950, 1, 1),
    )


@pytest.mark.slow
def test_P12_real_films_go_round_with_equal_hashes_and_pixels(client, program, clinic):
    """The eight films of the package: stored, found, got back; stored again, nothing changes."""
    films = cases()
    for film in films:
        register(clinic, film)
    assert len(films) == 8
    originals = {film: dcmread(film) for film in films}

    report = client.store_instances(list(originals.values()))
    assert len(report.ReferencedSOPSequence) == 8
    before = list(Mammogram.objects.order_by("pk").values())
    again = client.store_instances(list(originals.values()))
    assert len(again.ReferencedSOPSequence) == 8
    assert list(Mammogram.objects.order_by("pk").values()) == before

    for original in originals.values():
        (found,) = client.search_for_instances(
            search_filters={"PatientID": str(original.PatientID)}
        )
        uids = [found[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
        assert uids[2] == original.SOPInstanceUID
        retrieved = client.retrieve_instance(
            *uids, media_types=(("application/dicom", "1.2.840.10008.1.2.5"),)
        )
        (frame,) = client.retrieve_instance_frames(*uids, frame_numbers=[1])
        native = np.frombuffer(frame, "<u2").reshape(original.Rows, original.Columns)
        assert retrieved.PixelData == original.PixelData
        assert np.array_equal(native, original.pixel_array)
        stored = Mammogram.objects.get(sop_instance_uid=uids[2])
        sent = program.get(found["00081190"]["Value"][0]).content
        assert hashlib.sha256(parts_content(sent)).hexdigest() == stored.sha256
        film_meta = client.retrieve_instance_metadata(*uids)
        assert film_meta["00280010"]["Value"] == [original.Rows]


def parts_content(body: bytes) -> bytes:
    """The one part of a multipart body."""
    return body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]


# Searching


def test_a_study_is_found_with_what_a_viewer_lists(client, patient, stored):
    (study,) = client.search_for_studies()

    assert study["0020000D"]["Value"] == [STUDY]
    assert study["00100010"]["Value"] == [{"Alphabetic": "Synthetic^Phantom"}]
    assert study["00100020"]["Value"] == ["MRN-1"]
    assert (study["00080020"]["Value"], study["00080050"]["Value"]) == (["20240131"], ["ACC-9"])
    assert (study["00080061"]["Value"], study["00201208"]["Value"]) == (["MG"], [1])
    (series,) = client.search_for_series(STUDY)
    assert (series["0020000E"]["Value"], series["00201209"]["Value"]) == ([SERIES], [1])
    (instance,) = client.search_for_instances(STUDY, SERIES)
    assert (instance["00080018"]["Value"], instance["00185101"]["Value"]) == (["2.25.77"], ["CC"])
    assert len(client.search_for_series()) == len(client.search_for_instances()) == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("PatientID=MRN-1", 1),
        ("00100020=mrn1", 1),
        ("PatientID=MRN*", 1),
        ("PatientID=MRN-2", 0),
        ("PatientName=Synthetic^Phantom", 1),
        ("PatientName=synth*", 1),
        ("PatientName=*^Ph?ntom", 1),
        ("PatientName=Phantom", 1),
        ("PatientName=Synthetic^Other", 0),
        ("PatientName=S.*", 0),
        ("PatientBirthDate=19700203", 1),
        ("StudyDate=20240131", 1),
        ("StudyDate=20240101-20240201", 1),
        ("StudyDate=20240201-", 0),
        ("StudyDate=-20240131", 1),
        ("AccessionNumber=ACC-9", 1),
        ("AccessionNumber=ACC-8", 0),
        ("ModalitiesInStudy=MG", 1),
        ("ModalitiesInStudy=CT", 0),
        ("ModalitiesInStudy=CT,MG", 1),
        ("StudyDescription=*mammo*", 1),
        ("StudyDescription=*biopsy*", 0),
        (f"StudyInstanceUID={STUDY},2.25.3", 1),
        ("StudyInstanceUID=2.25.3", 0),
        ("limit=0", 0),
        ("offset=1", 0),
        ("limit=10&offset=0&includefield=all&fuzzymatching=false", 1),
    ],
)
def test_studies_are_found_by_what_was_asked(program, stored, query, found):
    answer = program.get(f"{BASE}/studies?{query}")

    assert answer.status_code == (200 if found else 204)
    assert len(answer.json() if found else []) == found


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (f"series?SeriesInstanceUID={SERIES}", 1),
        (f"series?SeriesInstanceUID={SERIES[:-1]}", 0),
        ("series?Modality=MG", 1),
        ("series?Modality=CT", 0),
        ("instances?SOPInstanceUID=2.25.77", 1),
        ("instances?SOPInstanceUID=2.25.7", 0),
        (f"studies/{STUDY}/instances", 1),
        ("studies/2.25.3/instances", 0),
        ("studies/2.25.3/series", 0),
        (f"studies/{STUDY}/series/2.25.3/instances", 0),
    ],
)
def test_series_and_instances_are_found(program, stored, address, found):
    answer = program.get(f"{BASE}/{address}")

    assert answer.status_code == (200 if found else 204)
    assert len(answer.json() if found else []) == found


@pytest.mark.parametrize(
    "query",
    [
        "StudyDate=yesterday",
        "StudyDate=20240230",
        "limit=-1",
        "offset=x",
        "PatientWeight=60",
        "clinic__name=a",
        "PatientName=*a*b*c*",
        "PatientName=" + "(a+)+$" * 60,
        "00100010.00100020=1",
    ],
)
def test_I03_what_cannot_be_asked_is_400(program, stored, query):
    answer = program.get(f"{BASE}/studies?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")


def test_I02_operators_of_the_database_are_only_text(program, stored):
    assert program.get(f"{BASE}/studies?PatientID=$ne").status_code == 204
    assert program.get(f"{BASE}/studies?PatientID[$ne]=1").status_code == 400


def test_pages_of_a_search_say_that_there_is_more(program, clinic, patient, file_of):
    for number in range(3):
        uids = {"StudyInstanceUID": f"2.25.{number}", "StudyDate": f"2024010{number + 1}"}
        stow(program, file_of(number, **uids))

    first = program.get(f"{BASE}/studies?limit=2")
    rest = program.get(f"{BASE}/studies?limit=2&offset=2")

    days = [study["00080020"]["Value"][0] for study in first.json() + rest.json()]
    assert days == ["20240103", "20240102", "20240101"]
    assert "There are more results" in first.headers["Warning"]
    assert "Warning" not in rest.headers


# Retrieving


def test_an_instance_comes_as_it_was_stored(program, stored):
    address, content = stored

    single = program.get(address, headers={"Accept": "application/dicom; transfer-syntax=*"})
    many = program.get(address)

    assert (single.headers["Content-Type"], single.content) == ("application/dicom", content)
    ((kind, part),) = parts_of(many)
    assert kind == "Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert part == content
    assert many.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("syntax", [RLELossless, ImplicitVRLittleEndian])
def test_who_names_no_transfer_syntax_gets_explicit_vr(program, patient, tmp_path, syntax):
    pixels = breast()
    frame = compressed(pixels, syntax, bits=12) if syntax == RLELossless else None
    path = write_dicom(tmp_path / "x.dcm", mammogram(pixels), transfer_syntax=syntax, frame=frame)
    stow(program, path.read_bytes())
    address = f"{BASE}/studies/{STUDY}/series/{SERIES}/instances/2.25.1001"

    sent = dcmread(BytesIO(program.get(address, headers={"Accept": "application/dicom"}).content))
    frame_answer = program.get(
        f"{address}/frames/1", headers={"Accept": "application/octet-stream"}
    )

    assert sent.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert np.array_equal(sent.pixel_array, pixels)
    assert frame_answer.content == pixels.tobytes()
    as_stored = program.get(address, headers={"Accept": "*/*"}).content
    assert parts_content(as_stored) == path.read_bytes()


def test_a_frame_of_a_compressed_file_comes_as_its_codestream(program, patient, tmp_path):
    pixels = breast()
    frame = compressed(pixels, RLELossless, bits=12)
    path = write_dicom(
        tmp_path / "x.dcm", mammogram(pixels), transfer_syntax=RLELossless, frame=frame
    )
    stow(program, path.read_bytes())
    address = f"{BASE}/studies/{STUDY}/series/{SERIES}/instances/2.25.1001/frames/1"
    accept = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'

    ((kind, part),) = parts_of(program.get(address, headers={"Accept": accept}))

    assert "transfer-syntax=1.2.840.10008.1.2.5" in kind
    assert part == frame + b"\0" * (len(frame) % 2)


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90"),
        ("", "image/gif"),
        ("/metadata", "application/dicom+xml"),
        ("/frames/1", "image/jp2"),
        ("/rendered", "image/gif"),
        ("/rendered", "image/jpeg;q=0"),
        ("/thumbnail", "image/webp"),
    ],
)
def test_P05_what_cannot_be_sent_is_406(program, stored, path, accept):
    answer = program.get(stored[0] + path, headers={"Accept": accept})

    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_metadata_are_the_header_without_pixels(program, client, stored):
    (metadata,) = program.get(f"{stored[0]}/metadata").json()
    (of_study,) = client.retrieve_study_metadata(STUDY)

    assert metadata == of_study
    assert metadata["00200062"]["Value"] == ["L"]
    assert "7FE00010" not in metadata


def test_rendered_pictures_and_the_thumbnail(program, stored):
    jpeg = program.get(f"{stored[0]}/rendered", headers={"Accept": "image/jpeg"})
    lossless = program.get(f"{stored[0]}/rendered", headers={"Accept": "image/png"})
    thumbnail = program.get(f"{stored[0]}/thumbnail")

    assert [each.headers["Content-Type"] for each in (jpeg, lossless, thumbnail)] == [
        "image/jpeg",
        "image/png",
        "image/jpeg",
    ]
    assert {Image.open(BytesIO(each.content)).size for each in (jpeg, lossless)} == {(80, 96)}
    assert program.get(f"{stored[0]}/rendered?window=1,2,linear").status_code == 400


def test_the_media_type_in_the_address_comes_before_the_header(program, stored):
    header = {"Accept": 'multipart/related; type="image/jpeg"'}
    asked = [
        program.get(f"{stored[0]}/{path}", headers=header)
        for path in ("thumbnail", "thumbnail?accept=image/jpeg", "rendered?accept=image/png")
    ]

    assert [each.status_code for each in asked] == [406, 200, 200]
    assert asked[2].headers["Content-Type"] == "image/png"


def test_the_thumbnail_of_a_study_or_series_is_that_of_its_first_picture(program, stored):
    found = [
        program.get(f"{BASE}/studies/{STUDY}{path}/thumbnail")
        for path in ("", f"/series/{SERIES}", f"/series/{SERIES}/instances/2.25.77")
    ]

    assert [each.status_code for each in found] == [200] * 3
    assert len({each.content for each in found}) == 1
    assert program.get(f"{BASE}/studies/{STUDY}/series/2.25.9/thumbnail").status_code == 404


@pytest.mark.parametrize("frames", ["2", "0", "1,2", "x"])
def test_other_frames_do_not_exist(program, stored, frames):
    assert program.get(f"{stored[0]}/frames/{frames}").status_code == 404


def test_a_study_and_a_series_come_whole(client, program, stored, file_of):
    stow(program, file_of(3, SOPInstanceUID="2.25.78", ViewPosition="MLO"))

    assert len(client.retrieve_study(STUDY)) == len(client.retrieve_series(STUDY, SERIES)) == 2


def test_U04_a_preamble_that_is_a_program_is_sent_as_zeros(program, patient, file_of):
    content = file_of(SOPInstanceUID="2.25.77", preamble=b"MZ\x90")
    stow(program, content)
    address = f"{BASE}/studies/{STUDY}/series/{SERIES}/instances/2.25.77"

    sent = program.get(address, headers={"Accept": "application/dicom"}).content

    assert content.startswith(b"MZ")
    assert sent[:132] == bytes(128) + b"DICM"
    assert dcmread(BytesIO(sent)).PixelData == dcmread(BytesIO(content)).PixelData


def test_F21_a_damaged_file_is_never_sent(program, stored, store):
    path = store.path_of(Mammogram.objects.get().sha256)
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    for below in ("", "/metadata", "/frames/1"):
        answer = program.get(stored[0] + below)
        assert (answer.status_code, answer.json()["code"]) == (503, "damaged_picture")


def test_I15_a_thousand_ranges_get_the_whole(program, stored):
    ranges = ",".join(f"{n}-{n}" for n in range(1000))
    headers = {"Range": f"bytes={ranges}", "Accept": "application/dicom"}

    answer = program.get(stored[0], headers=headers)

    assert (answer.status_code, answer.content) == (200, stored[1])


def test_a_png_is_sent_as_a_secondary_capture(program, clinic, patient):
    pixels = breast(bits=16)
    body = {
        "patient": str(patient.pk),
        "file": SimpleUploadedFile("x.png", png(pixels)),
        "laterality": "R",
        "view": "MLO",
        "exam_date": "2024-02-01",
        "confirmed_identifiers": ["name", "birth_date"],
    }
    user = make_user(Role.RADIOGRAPHER, clinics=[clinic])
    assert Program(user).post("/mammograms/", body, format="multipart").status_code == 201

    (found,) = program.get(f"{BASE}/instances").json()
    address = found["00081190"]["Value"][0]
    sent = dcmread(BytesIO(program.get(address, headers={"Accept": "application/dicom"}).content))

    assert sent.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert (sent.PatientID, sent.ImageLaterality, sent.ViewPosition) == ("MRN-1", "R", "MLO")
    with Image.open(
        BytesIO(program.get(f"{address}/rendered", headers={"Accept": "image/png"}).content)
    ) as shown:
        assert np.array_equal(sent.pixel_array, np.asarray(shown))


# Whose it is


def test_identity_is_the_records_where_the_file_contradicts_it(program, clinic, patient, stored):
    patient.given_name = "Renamed"
    patient.medical_record_number = "MRN-1-NEW"
    patient.derive_keys()
    patient.save()

    sent = program.get(stored[0], headers={"Accept": "application/dicom"}).content
    changed, original = dcmread(BytesIO(sent)), dcmread(BytesIO(stored[1]))
    (metadata,) = program.get(f"{stored[0]}/metadata").json()

    assert (changed.PatientName, changed.PatientID) == ("Synthetic^Renamed", "MRN-1-NEW")
    assert metadata["00100020"]["Value"] == ["MRN-1-NEW"]
    assert changed.PixelData == original.PixelData
    for element in original:
        if element.keyword not in ("PatientName", "PatientID"):
            assert changed[element.tag].value == element.value


def test_Z02_Z03_another_clinic_sees_nothing(stranger, stored):
    address = stored[0]
    for below in ("studies", "series", "instances", f"studies/{STUDY}/series"):
        assert stranger.get(f"{BASE}/{below}").status_code == 204
    assert stranger.get(f"{BASE}/studies?StudyInstanceUID={STUDY}").status_code == 204
    for below in ("", "/metadata", "/frames/1", "/rendered", "/thumbnail"):
        foreign, absent = stranger.get(address + below), stranger.get(f"{address}9{below}")
        assert (foreign.status_code, absent.status_code) == (404, 404)
        assert foreign.json()["detail"] == absent.json()["detail"]


def test_nobody_signed_in_is_401(program, stored):
    for method in ("get", "post"):
        answer = getattr(program, method)(f"{BASE}/studies", headers={"Authorization": ""})
        assert answer.status_code == 401


def test_R10_every_answer_leaves_a_trace(program, patient, stored):
    entries(Action.RECORD_READ)
    for address in (f"{BASE}/studies", stored[0], f"{stored[0]}/rendered"):
        seen = len(reads())
        program.get(address)
        assert len(reads()) == seen + 1
        assert reads()[-1].patient_id == patient.pk
