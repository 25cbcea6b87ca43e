"""D18, S18: the report as PDF: what it says, who may have it, and that it is known again."""

import hashlib
import json
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import typst
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from analysis.choices import Proposal
from analysis.models import Recommendation
from analysis.reports.content import printed_sizes
from analysis.reports.typesetting import typeset
from analysis.services import reports
from analysis.services.reports import find_report, issue_report, issued_reports
from mammotrack.accounts.models import Clinic, Role, User
from mammotrack.audit.chain import head_of
from mammotrack.audit.models import Action
from mammotrack.models import now
from scans.models import Mammogram
from tests.api import Program, assert_problem
from tests.audit import entries
from tests.dicom_files import breast, jpeg
from tests.factories.accounts import make_clinic, make_user
from tests.factories.analysis import make_comparison, make_decision, make_recommendation
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram, make_pair
from tests.web import assert_status_by_role, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]

ATTACK = '#import "x.typ": * #read("/etc/passwd") {{7*7}} *bold* $x^2$ <label> \\ " @ref'


@pytest.fixture
def clinic() -> Clinic:
    return make_clinic("Havel Breast Centre")


@pytest.fixture
def doctor(clinic: Clinic) -> User:
    return make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Vera Lund")


@pytest.fixture
def recommendation(clinic: Clinic, store) -> Recommendation:
    prior, current = make_pair(make_patient(clinic, family_name="Okafor", given_name="Ada"))
    return shown(make_recommendation(prior=prior, current=current), store)


def shown(recommendation: Recommendation, store) -> Recommendation:
    """With the pictures that its mammograms name."""
    for mammogram in (recommendation.prior, recommendation.current):
        if mammogram:
            picture = jpeg(breast(512, 416, bits=8))
            store.put_derived(mammogram.sha256, {"display.jpg": picture})
    return recommendation


def text_of(content: bytes) -> list[str]:
    """Each page on one line."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(content)).pages]


def page_of(recommendation: Recommendation) -> str:
    return reverse("analysis:report", args=[recommendation.job_id])


def test_s18_an_unsigned_report_is_a_draft_on_every_page(recommendation, doctor):
    pages = text_of(issue_report(recommendation, issued_by=doctor).content)

    assert len(pages) >= 2
    for number, page in enumerate(pages, start=1):
        assert "DRAFT" in page
        assert "Okafor, Ada" in page
        assert recommendation.patient.medical_record_number in page
        assert f"Page {number} of {len(pages)}" in page
    assert "No doctor has signed this." in pages[0]


def test_d18_a_signed_report_says_who_when_and_what_it_means(recommendation, doctor):
    decision = make_decision(
        recommendation, choice=Proposal.REFER, reason="Palpable nodule.", signed_by=doctor
    )

    whole = " ".join(text_of(issue_report(recommendation, issued_by=doctor).content))

    assert "DRAFT" not in whole
    assert "Refer for further work-up" in whole
    assert "Palpable nodule." in whole
    for part in (
        "Signed electronically by Dr. Vera Lund",
        f"{decision.signed_at:%H:%M} UTC",
        "Decides otherwise than proposed",
        "Computer suggestion",
        "not a medical device",
        "5 Jan 2024 to 5 Jul 2024, 6 months between",
        "L CC",
        "20 mm",
        "THERAPY-3",
        "0.910",
        "model-test",
    ):
        assert part in whole, part


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.002, 0.004, "< 1 %"), (0.002, 0.04, "< 1 %, 95 % interval < 1 % to 4 %")],
)
def test_d18_an_interval_is_told_where_it_says_more_than_the_probability(
    clinic, doctor, store, low, high, expected
):
    prior, current = make_pair(make_patient(clinic))
    comparison = make_comparison(
        prior=prior,
        current=current,
        change_probability=0.003,
        change_probability_low=low,
        change_probability_high=high,
    )
    found = make_recommendation(prior=prior, current=current, comparison=comparison)
    shown(found, store)

    whole = " ".join(text_of(issue_report(found, issued_by=doctor).content))

    assert f"at even odds {expected} SSIM" in whole


def test_s18_hashes_are_those_of_the_api_and_of_the_trail(recommendation, doctor):
    decision = make_decision(recommendation, signed_by=doctor)
    head = head_of(str(recommendation.clinic_id))

    whole = "".join(text_of(issue_report(recommendation, issued_by=doctor).content))
    answer = Program(doctor).get(f"/decisions/{decision.pk}/").json()

    unbroken = whole.replace(" ", "")
    assert answer["evidence_sha256"] in unbroken
    assert f"#{head.seq}{head.hash}" in unbroken


def test_s18_the_code_on_paper_is_the_hash_of_the_record(
    recommendation, doctor, tmp_path, monkeypatch
):
    decision = make_decision(recommendation, signed_by=doctor)
    given = {}

    def typeset_and_tell(content, pictures, **options):
        given.update(pictures)
        return typeset(content, pictures, **options)

    monkeypatch.setattr(reports, "typeset", typeset_and_tell)

    issue_report(recommendation, issued_by=doctor)

    (tmp_path / "code.svg").write_bytes(given["record.svg"])
    paper = typst.Compiler(b'#image("code.svg", width: 26mm)', root=tmp_path)
    page = np.frombuffer(paper.compile(format="png", ppi=150), np.uint8)
    read, *_ = cv2.QRCodeDetector().detectAndDecode(cv2.imdecode(page, cv2.IMREAD_GRAYSCALE))
    assert read == decision.evidence_sha256


def test_d18_a_decision_that_lacks_its_second_signature_stays_a_draft(recommendation, doctor):
    make_decision(recommendation, choice=Proposal.SHIFT_TO_NORMAL_MEDICATION, signed_by=doctor)

    pages = text_of(issue_report(recommendation, issued_by=doctor).content)

    assert all("DRAFT" in page for page in pages)
    assert "one is missing" in pages[0]


def test_d18_a_failed_alignment_gives_no_number(clinic, doctor, store):
    prior, current = make_pair(make_patient(clinic))
    comparison = make_comparison(
        prior=prior,
        current=current,
        comparable=False,
        reason="registration_failed",
        ssim=None,
        change_probability=None,
        verdict="not_comparable",
    )
    recommendation = make_recommendation(prior=prior, current=current, comparison=comparison)

    whole = " ".join(text_of(issue_report(shown(recommendation, store), issued_by=doctor).content))

    assert "Not comparable." in whole
    assert "No number is given." in whole
    assert "SSIM inside the breast" not in whole


def test_d18_a_first_picture_has_no_prior(clinic, doctor, store):
    alone = make_recommendation(current=make_mammogram(make_patient(clinic)))

    whole = " ".join(text_of(issue_report(shown(alone, store), issued_by=doctor).content))

    assert "No prior of this breast and view" in whole


@pytest.mark.parametrize("attack", [ATTACK, "\u202eevil", "王, 李" * 30, "x" * 2000])
def test_i06_i08_what_people_typed_is_text(recommendation, doctor, attack):
    recommendation.patient.given_name = attack[:100]
    make_decision(recommendation, choice=Proposal.REFER, reason=attack, signed_by=doctor)

    whole = "".join(text_of(issue_report(recommendation, issued_by=doctor).content))

    assert "root:" not in whole
    if attack == ATTACK:
        assert attack.replace(" ", "") in whole.replace(" ", "")


def test_i06_the_template_opens_nothing_but_the_pictures(tmp_path: Path):
    import typst

    (tmp_path / "secret.txt").write_text("secret")
    inside = tmp_path / "inside"
    inside.mkdir()
    for wish in ('#read("../secret.txt")', f'#read("{tmp_path}/secret.txt")'):
        with pytest.raises(typst.TypstError):
            typst.compile(wish.encode(), root=str(inside))


def test_d18_pictures_are_printed_at_one_physical_scale(clinic):
    patient = make_patient(clinic)
    small = make_mammogram(patient, rows=1000, columns=800, pixel_spacing_mm=0.1)
    large = make_mammogram(patient, rows=2000, columns=1600, pixel_spacing_mm=0.1)
    unknown = make_mammogram(patient, rows=2000, columns=1600, pixel_spacing_mm=None)

    first, second = printed_sizes([small, large])
    alone = printed_sizes([small, unknown])

    assert second.width == pytest.approx(2 * first.width)
    assert first.bar == second.bar == pytest.approx(20 * first.width / 80)
    assert [each.bar for each in alone] == [None, None]


def test_s18_a_file_is_known_again_until_a_byte_differs(recommendation, doctor, tmp_path):
    make_decision(recommendation, signed_by=doctor)
    report = issue_report(recommendation, issued_by=doctor)
    file = tmp_path / report.name
    file.write_bytes(report.content)
    said = StringIO()

    call_command("report_verify", str(file), stdout=said)
    altered = bytearray(report.content)
    altered[len(altered) // 2] ^= 1
    file.write_bytes(altered)
    with pytest.raises(CommandError, match="not a report"):
        call_command("report_verify", str(file))

    assert "Genuine" in said.getvalue()
    assert "Dr. Vera Lund" in said.getvalue()
    assert "version 1" in said.getvalue()
    assert "Okafor" not in said.getvalue()
    assert find_report(b"%PDF-1.7 something else") is None


def test_s18_a_report_that_was_overtaken_says_so(recommendation, doctor):
    draft = issue_report(recommendation, issued_by=doctor)
    recommendation.signature_count = 1
    recommendation.save()

    [issued] = issued_reports(recommendation)

    assert (issued.sha256, issued.decision_version) == (draft.sha256, None)
    assert not issued.is_current


def test_d18_the_download_is_written_down_under_an_opaque_name(recommendation, doctor):
    answer = signed_in(doctor).get(page_of(recommendation))
    content = b"".join(answer.streaming_content)
    sha256 = hashlib.sha256(content).hexdigest()

    [entry] = entries(Action.REPORT_ISSUED)
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'inline; filename="report-{sha256[:16]}.pdf"'
    assert "no-store" in answer.headers["Cache-Control"]
    assert (entry.actor_id, entry.object_id, entry.detail["sha256"]) == (
        doctor.pk,
        recommendation.pk,
        sha256,
    )
    assert entry.patient_id == recommendation.patient_id
    assert "Okafor" not in json.dumps(entry.detail)


def test_d18_only_those_who_read_analyses_get_it(clinic, recommendation):
    statuses = {Role.RECEPTIONIST: 403, Role.RADIOGRAPHER: 200, Role.DOCTOR: 200, Role.ADMIN: 403}
    users = {role: make_user(role, clinics=[clinic]) for role in statuses}

    assert_status_by_role(page_of(recommendation), statuses, users)
    stranger = signed_in(make_user(Role.DOCTOR, clinics=[make_clinic()]))
    assert stranger.get(page_of(recommendation)).status_code == 404
    assert Client().get(page_of(recommendation)).status_code == 302


def test_d18_the_api_gives_the_pdf_and_knows_it_again(recommendation, doctor):
    program = Program(doctor)
    content = b"".join(
        program.get(f"/recommendations/{recommendation.pk}/report/").streaming_content
    )
    listed = program.get(f"/recommendations/{recommendation.pk}/reports/").json()

    assert content.startswith(b"%PDF")
    assert [each["sha256"] for each in listed] == [hashlib.sha256(content).hexdigest()]
    assert listed[0]["issued_by"] == "Dr. Vera Lund"
    foreign = Program(make_user(Role.DOCTOR, clinics=[make_clinic()]))
    for name in ("report", "reports"):
        answer = foreign.get(f"/recommendations/{recommendation.pk}/{name}/")
        assert_problem(answer, 404, "not_found")


def test_d18_a_damaged_picture_makes_no_report(recommendation, doctor, store):
    path = store.derived_path(recommendation.current.sha256, "display.jpg")
    path.chmod(0o600)
    path.write_bytes(b"other bytes")

    answer = signed_in(doctor).get(page_of(recommendation))

    assert answer.status_code == 503
    assert not entries(Action.REPORT_ISSUED)


def test_d18_every_mammogram_has_a_place(recommendation):
    assert {each.mammogram for each in printed_sizes([recommendation.current])} == set(
        Mammogram.objects.filter(pk=recommendation.current_id)
    )


def test_s10_nothing_is_told_before_the_own_reading(clinic, recommendation, doctor):
    clinic.blind_reading_since = now() - timedelta(days=1)
    clinic.save()
    recommendation.job.requested_by = doctor
    recommendation.job.save()
    client = signed_in(doctor)

    answer = client.get(page_of(recommendation))
    mine = client.get(reverse("worklist"), {"tab": "mine"})

    assert answer.status_code == 403
    assert list(mine.context["page"].rows) == []
    assert not entries(Action.REPORT_ISSUED)
