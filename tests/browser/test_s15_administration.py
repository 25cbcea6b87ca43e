"""S15: the administration shows what is on record and offers no hand to alter it."""

import json
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from analysis.models import Countersignature, Decision, Prediction, Recommendation
from analysis.releases import active_model
from analysis.services.releases import sign_report
from mammotrack.accounts.models import Role, User
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action, AuditEntry
from ml_models import registry
from tests.analysis.test_releases import releases  # noqa: F401
from tests.browser.visits import Visits
from tests.factories.accounts import PASSWORD, make_user
from tests.factories.analysis import make_decision

KEPT = [Prediction, Recommendation, Decision, Countersignature, AuditEntry]
HANDS = "[name^=_save], [name=_addanother], a[href*='/delete/'], .deletelink, a[href$='/add/']"


@pytest.fixture
def decided(visit: Visits, audit_dir) -> Decision:
    decision = make_decision()
    audit.record(
        Action.DECISION_SIGNED,
        subject=decision,
        clinic_id=decision.clinic_id,
        patient_id=decision.patient_id,
        actor=decision.signed_by,
    )
    Countersignature.objects.create(
        clinic_id=decision.clinic_id,
        patient_id=decision.patient_id,
        decision=decision,
        signed_by=make_user(Role.DOCTOR),
    )
    return decision


def test_s15_results_signatures_and_the_trail_have_no_save_and_no_delete(visit: Visits, decided):
    page = visit("/admin/", user=make_user(Role.ADMIN))
    for model in KEPT:
        name = model._meta.model_name
        app = model._meta.app_label
        page.goto(visit.url + reverse(f"admin:{app}_{name}_changelist"))
        assert page.locator(f"main {HANDS}, #content {HANDS}").count() == 0
        expect(page.locator("option[value=delete_selected]")).to_have_count(0)
        key = model.objects.first().pk
        page.goto(visit.url + reverse(f"admin:{app}_{name}_change", args=[key]))
        expect(page.locator("h1, h2").first).to_be_visible()
        assert page.locator(HANDS).count() == 0, name
        assert page.get_by_role("button", name="Save").count() == 0, name
        assert page.get_by_role("button", name="Delete").count() == 0, name


def shadow_report(signed_by: User | None) -> dict[str, Any]:
    """As ``shadow_run`` writes it, of the draft beside what answers."""
    named = {
        name: {"version": manifest.version, "sha256": manifest.sha256}
        for name, manifest in (
            ("active", registry.active_manifest()),
            ("candidate", registry.load_manifest("b-2")),
        )
    }
    report = {**named, "n": 40, "agreed": 37, "agreement": 0.925, "changes": {"3 to 4": 3}}
    return sign_report(report, signed_by=signed_by) if signed_by else report


def show(page: Page, report: dict[str, Any]) -> None:
    content = json.dumps(report).encode()
    page.get_by_label("Signed shadow report").set_input_files(
        {"name": "report.json", "mimeType": "application/json", "buffer": content}
    )
    page.get_by_role("button", name="Show the report").click()


@pytest.mark.usefixtures("releases", "audit_dir")
def test_s15_a_model_is_activated_by_a_second_person_who_was_shown_the_report(visit: Visits):
    signer, second = make_user(Role.ADMIN, full_name="Piet Baum"), make_user(Role.ADMIN)
    path = reverse("admin:analysis_prediction_changelist")
    page = visit(path, user=signer)
    page.get_by_role("link", name="Model versions").click()
    for version in registry.versions():
        expect(page.get_by_text(version.version, exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Activate")).to_have_count(0)
    activate = page.get_by_role("button", name="Activate b-2")

    show(page, shadow_report(signed_by=None))
    page.get_by_label("Your password").fill(PASSWORD)
    activate.click()
    expect(page.get_by_text("Nobody has signed the report.")).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    show(page, shadow_report(signed_by=signer))
    page.get_by_label("Your password").fill(PASSWORD)
    activate.click()
    expect(page.get_by_text("Who signed the report does not activate by it.")).to_be_visible()
    assert active_model().version == "a-1"

    page = visit(path, user=second)
    page.get_by_role("link", name="Model versions").click()
    activate = page.get_by_role("button", name="Activate b-2")
    show(page, shadow_report(signed_by=signer))
    for shown in ("Piet Baum", "3 to 4: 3", "37 (0.925)"):
        expect(page.get_by_text(shown)).to_be_visible()
    visit.keep(page, "model-versions")
    page.get_by_label("Your password").fill("not it")
    activate.click()
    expect(page.get_by_text("this is not it")).to_be_visible()
    assert active_model().version == "a-1"
    page.get_by_label("Your password").fill(PASSWORD)
    activate.click()

    expect(page.get_by_text("b-2 answers from now on.")).to_be_visible()
    assert active_model().version == "b-2"
    entry = AuditEntry.objects.get(action=Action.MODEL_ACTIVATED)
    assert entry.actor_id == second.pk
    assert entry.detail["report_signed_by"] == str(signer.pk)


def test_s15_what_is_no_report_is_refused_at_its_field(visit: Visits):
    page = visit(reverse("admin:analysis_prediction_models"), user=make_user(Role.ADMIN))

    for wrong in ({"n": 3}, {"n": 3, "active": "a", "candidate": "b"}):
        show(page, wrong)
        expect(page.get_by_text("This is no report of shadow_run.")).to_be_visible()


def test_s15_a_user_is_made_here(visit: Visits):
    page = visit(reverse("admin:accounts_user_changelist"), user=make_user(Role.ADMIN))

    expect(page.locator("a[href$='/add/']").first).to_be_visible()  # what HANDS looks for is there
    expect(page.get_by_role("row")).not_to_have_count(0)
