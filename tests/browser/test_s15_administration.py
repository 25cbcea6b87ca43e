"""S15: the administration shows what is on record and offers no hand to alter it."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from analysis.models import Countersignature, Decision, Prediction, Recommendation
from mammotrack.accounts.models import Role
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action, AuditEntry
from ml_models import registry
from tests.browser.visits import Visits
from tests.factories.accounts import make_user
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
    visit.keep(page, "administration")
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


def test_s15_model_versions_are_to_look_at_and_are_activated_by_no_click(visit: Visits, decided):
    page = visit(reverse("admin:analysis_prediction_changelist"), user=make_user(Role.ADMIN))
    page.get_by_role("link", name="Model versions").click()

    for version in registry.versions():
        expect(page.get_by_text(version.version, exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Activate")).to_have_count(0)
    visit.keep(page, "model-versions")


def test_s15_a_user_is_made_here(visit: Visits):
    page = visit(reverse("admin:accounts_user_changelist"), user=make_user(Role.ADMIN))

    expect(page.locator("a[href$='/add/']").first).to_be_visible()  # what HANDS looks for is there
    expect(page.get_by_role("row")).not_to_have_count(0)
