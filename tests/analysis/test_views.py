"""The worklist and one analysis, from queued to signed, as pages."""

import hashlib
import json

import pytest
from django.urls import reverse

from analysis.choices import JobState, Proposal
from analysis.models import AnalysisJob, Decision, LesionMark, Recommendation
from analysis.pictures import HEAT_MAP
from mammotrack.accounts.models import Role
from mammotrack.audit.models import AuditEntry
from mammotrack.models import now
from tests.audit import reads
from tests.dicom_files import breast, png
from tests.factories.accounts import PASSWORD, make_clinic, make_user
from tests.factories.analysis import (
    make_comparison,
    make_decision,
    make_job,
    make_mark,
    make_prediction,
    make_recommendation,
    measured_lesion,
)
from tests.factories.patients import make_patient
from tests.factories.scans import make_mammogram, make_pair
from tests.web import HTMX, assert_status_by_role, assert_strict, signed_in

pytestmark = pytest.mark.django_db

READERS = {
    Role.RECEPTIONIST: 403,
    Role.RADIOGRAPHER: 200,
    Role.DOCTOR: 200,
    Role.RESEARCHER: 403,
    Role.ADMIN: 403,
}
OVERRIDE = {
    "choice": "refer",
    "reason": "Palpable nodule, ultrasound first.",
    "password": PASSWORD,
}


@pytest.fixture
def clinic():
    return make_clinic()


@pytest.fixture
def doctor(clinic):
    return make_user(Role.DOCTOR, clinics=[clinic])


@pytest.fixture
def recommendation(clinic):
    prior, current = make_pair(make_patient(clinic))
    return make_recommendation(prior=prior, current=current)


def page_of(recommendation: Recommendation) -> str:
    return reverse("analysis:detail", args=[recommendation.job_id])


def sign_at(recommendation: Recommendation) -> str:
    return reverse("analysis:sign", args=[recommendation.job_id])


def test_pages_open_for_those_who_read_analyses(clinic, recommendation):
    users = {role: make_user(role, clinics=[clinic]) for role in READERS}

    assert_status_by_role(reverse("worklist"), READERS, users)
    assert_status_by_role(page_of(recommendation), READERS, users)


def test_pages_keep_to_the_strict_policy(doctor, recommendation):
    client = signed_in(doctor)

    for path in (reverse("worklist"), page_of(recommendation)):
        assert_strict(client.get(path))


@pytest.mark.parametrize(
    "name",
    [
        "detail",
        "state",
        "sign",
        "amend",
        "countersign",
        "mark",
        "retry",
        "picture",
        "heat-map",
        "of-mammogram",
    ],
)
def test_another_clinics_analysis_does_not_exist(name, doctor):
    foreign = make_recommendation()
    ids = {
        "picture": [foreign.job_id, "current"],
        "heat-map": [foreign.job_id, "current"],
        "of-mammogram": [foreign.current_id],
    }.get(name, [foreign.job_id])
    client = signed_in(doctor)
    posted = {"sign", "amend", "countersign", "mark", "retry"}
    send = client.post if name in posted else client.get

    answer = send(reverse(f"analysis:{name}", args=ids), OVERRIDE)

    assert answer.status_code == 404
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("tab", "expected"),
    [
        ("review", "to review"),
        ("progress", "running"),
        ("failed", "failed"),
        ("signed", "signed"),
        ("today", "signed"),
    ],
)
def test_each_tab_lists_its_own(tab, expected, doctor, clinic):
    patient = make_patient(clinic)
    pictures = [make_mammogram(patient, view=view) for view in ("CC", "MLO", "ML", "LM")]
    rows = {
        "to review": make_recommendation(current=pictures[0]).job_id,
        "running": make_job(pictures[1], state=JobState.RUNNING).pk,
        "failed": make_job(
            pictures[2], state=JobState.FAILED, error_code="gave_up", finished_at=now()
        ).pk,
        "signed": make_decision(make_recommendation(current=pictures[3])).recommendation.job_id,
    }
    make_decision()

    listed = signed_in(doctor).get(reverse("worklist"), {"tab": tab}).context["page"].rows

    assert [row.job_id for row in listed] == [rows[expected]]


@pytest.mark.parametrize(
    ("proven", "found", "expected"),
    [
        (True, {}, ("6", "by the record")),
        (False, {}, ("2", "")),
        (True, {"abstained": True, "category": ""}, ("6", "by the record")),
        (False, {"abstained": True, "category": ""}, ("", "abstains")),
        (
            True,
            {"assessable": False, "reasons": ["blurred"], "probabilities": {}, "abstained": True},
            ("", "not assessable"),
        ),
    ],
)
def test_s03_a_row_tells_where_its_category_is_from_or_why_it_has_none(
    doctor, clinic, proven, found, expected
):
    current = make_mammogram(make_patient(clinic))
    prediction = make_prediction(current, **found)
    record = {"malignancy_proven": proven}
    make_recommendation(current=current, current_prediction=prediction, record=record)

    page = signed_in(doctor).get(reverse("worklist"))

    (row,) = page.context["page"].rows
    assert (row.category, row.category_note) == expected
    assert expected[1] in page.content.decode()


def test_a_decision_that_lacks_its_second_signature_stays_in_the_list(doctor, recommendation):
    sent = {
        "choice": Proposal.SHIFT_TO_NORMAL_MEDICATION,
        "reason": "As agreed.",
        "password": PASSWORD,
    }
    client = signed_in(doctor)
    client.post(sign_at(recommendation), sent)

    listed = client.get(reverse("worklist")).context["page"].rows
    page = client.get(page_of(recommendation)).content.decode()

    assert [(row.job_id, row.second_due) for row in listed] == [(recommendation.job_id, True)]
    assert "Signed once, not in force" in page
    assert "Sign as second doctor" not in page


def test_a_second_doctor_signs_on_the_page(doctor, clinic, recommendation):
    shift = {
        "choice": Proposal.SHIFT_TO_NORMAL_MEDICATION,
        "reason": "As agreed.",
        "password": PASSWORD,
    }
    signed_in(doctor).post(sign_at(recommendation), shift)
    second = signed_in(make_user(Role.DOCTOR, clinics=[clinic], full_name="Dr. Olga Brandt"))
    path = reverse("analysis:countersign", args=[recommendation.job_id])

    offered = second.get(page_of(recommendation)).content.decode()
    wrong = second.post(path, {"password": "wrong", "signatures_seen": 1})
    answer = second.post(path, {"password": PASSWORD, "signatures_seen": 1})

    assert "Sign as second doctor" in offered
    assert (wrong.status_code, list(wrong.context["form"].errors)) == (403, ["password"])
    assert answer.status_code == 302
    page = second.get(page_of(recommendation)).content.decode()
    assert "Second signature: Dr. Olga Brandt" in page
    assert "not in force" not in page


def test_s03_a_first_picture_without_a_finding_is_not_listed_and_the_page_says_so(doctor, clinic):
    patient = make_patient(clinic)
    nothing_to_compare = {"proposal": Proposal.NOT_ASSESSABLE, "deciding_rule": "CHANGE-1"}
    first = make_recommendation(current=make_mammogram(patient), **nothing_to_compare)
    AnalysisJob.objects.filter(pk=first.job_id).update(requested_by=doctor)
    unreadable = make_recommendation(
        current=make_mammogram(patient, view="MLO"),
        proposal=Proposal.NOT_ASSESSABLE,
        deciding_rule="IMAGE-1",
    )
    prior, current = make_pair(make_patient(clinic))
    incomparable = make_recommendation(prior=prior, current=current, **nothing_to_compare)

    client = signed_in(doctor)
    to_review = client.get(reverse("worklist"))
    listed = to_review.context["page"].rows
    (mine,) = client.get(reverse("worklist"), {"tab": "mine"}).context["page"].rows

    assert [row.job_id for row in listed] == [incomparable.job_id, unreadable.job_id]
    assert "also those it abstains from. That is no clearance" in to_review.content.decode()
    assert (mine.job_id, mine.state) == (first.job_id, "No proposal to sign")


def test_worklist_needs_the_same_queries_for_many_rows(
    doctor, clinic, django_assert_num_queries, django_assert_max_num_queries
):
    client = signed_in(doctor)
    make_recommendation(current=make_mammogram(make_patient(clinic)))
    with django_assert_max_num_queries(12) as few:
        client.get(reverse("worklist"))
    for _ in range(3):
        make_recommendation(current=make_mammogram(make_patient(clinic)))

    with django_assert_num_queries(len(few.captured_queries)):
        client.get(reverse("worklist"))


def test_worklist_stops_asking_after_a_while(doctor, clinic):
    client = signed_in(doctor)

    renewed = client.get(reverse("worklist"), {"poll": "179"}, headers=HTMX).content.decode()
    paused = client.get(reverse("worklist"), {"poll": "180"}, headers=HTMX).content.decode()

    assert "poll=180" in renewed
    assert "hx-get" not in paused
    assert "<html" not in paused


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_a_page_waits_for_the_end(state, doctor, clinic):
    job = make_job(make_mammogram(make_patient(clinic)), state=state)

    page = signed_in(doctor).get(reverse("analysis:detail", args=[job.pk])).content.decode()
    asked = signed_in(doctor).get(reverse("analysis:state", args=[job.pk]), {"poll": "1"})

    again = reverse("analysis:state", args=[job.pk])
    assert f'hx-get="{again}?poll=1" hx-trigger="load delay:2s"' in page
    assert f'hx-get="{again}?poll=2"' in asked.content.decode()
    assert "HX-Refresh" not in asked.headers


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED])
def test_at_the_end_the_waiting_page_loads_itself_again(state, doctor, clinic):
    job = make_job(make_mammogram(make_patient(clinic)), state=state, finished_at=now())

    answer = signed_in(doctor).get(reverse("analysis:state", args=[job.pk]))
    in_row = signed_in(doctor).get(reverse("analysis:state", args=[job.pk]), {"row": ""})

    assert answer.headers["HX-Refresh"] == "true"
    assert "HX-Refresh" not in in_row.headers
    assert "hx-get" not in answer.content.decode()


def test_a_failed_analysis_says_why_and_can_be_repeated(doctor, clinic, hints, monkeypatch):
    mammogram = make_mammogram(make_patient(clinic))
    job = make_job(
        mammogram, state=JobState.FAILED, error_code="gave_up", finished_at=now(), attempt=3
    )
    monkeypatch.setattr("analysis.services.jobs._key", lambda *_: job.key)
    path = reverse("analysis:detail", args=[job.pk])

    page = signed_in(doctor).get(path).content.decode()
    answer = signed_in(doctor).post(reverse("analysis:retry", args=[job.pk]))

    assert "tried three times" in page
    assert "gave_up" in page
    assert answer.headers["Location"] == path
    job.refresh_from_db()
    assert (job.state, job.attempt, hints) == (JobState.QUEUED, 0, [str(job.pk)])


def test_a_radiographer_may_not_repeat_an_analysis(clinic, hints):
    job = make_job(make_mammogram(make_patient(clinic)), state=JobState.FAILED)
    radiographer = make_user(Role.RADIOGRAPHER, clinics=[clinic])

    answer = signed_in(radiographer).post(reverse("analysis:retry", args=[job.pk]))

    assert answer.status_code == 403
    assert AnalysisJob.objects.get().state == JobState.FAILED


def test_the_page_shows_evidence_and_preselects_nothing(doctor, recommendation):
    page = signed_in(doctor).get(page_of(recommendation))

    text = page.content.decode()
    expected = ("Continue chemotherapy", "THERAPY-3", "70 %", "0.910", "0.620", "model-test")
    assert [shown for shown in (*expected, "Computer suggestion") if shown not in text] == []
    assert " checked" not in text.partition('id="decide"')[2].partition("</form>")[0]


@pytest.mark.parametrize("proven", [True, False])
def test_D8_proven_cancer_is_said_above_what_the_computer_reads(doctor, clinic, proven):
    prior, current = make_pair(make_patient(clinic))
    recommendation = make_recommendation(
        prior=prior, current=current, record={"malignancy_proven": proven}
    )

    page = signed_in(doctor).get(page_of(recommendation)).content.decode()

    assert ("BI-RADS 6 by the record" in page) is proven


def test_a_pair_that_is_not_comparable_shows_no_number_of_change(doctor, clinic):
    prior, current = make_pair(make_patient(clinic))
    comparison = make_comparison(
        prior=prior,
        current=current,
        comparable=False,
        reason="registration_failed",
        ssim=None,
        ssim_baseline=0.4321,
        change_probability=None,
        direction="indeterminate",
        verdict="not_comparable",
        registration={"passed": False, "reason": "poor_overlap"},
    )
    recommendation = make_recommendation(prior=prior, current=current, comparison=comparison)

    text = signed_in(doctor).get(page_of(recommendation)).content.decode()

    assert "Not comparable" in text
    assert "The two pictures share too little of the breast." in text
    assert "0.43" not in text
    assert "Probability that" not in text


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (
            {"assessable": False, "reasons": ["blank"], "probabilities": {}, "category": "",
             "suspicious_probability": None},
            ["Not assessable", "The picture is blank."],
        ),
        ({"abstained": True, "prediction_set": ["3", "4"]}, ["Abstains", "3, 4"]),
        ({"category": "6", "prediction_set": ["6"]}, ["Known, proven malignancy", "Read it as 5"]),
    ],
)  # fmt: skip
def test_what_the_model_does_not_know_is_a_result_of_its_own(prediction, words, doctor, clinic):
    current = make_mammogram(make_patient(clinic))
    recommendation = make_recommendation(
        current=current,
        current_prediction=make_prediction(current, **prediction),
        record={"malignancy_proven": False},
    )

    text = signed_in(doctor).get(page_of(recommendation)).content.decode()

    assert [word for word in words if word not in text] == []


def test_opening_an_analysis_leaves_a_trace(doctor, recommendation):
    signed_in(doctor).get(page_of(recommendation))

    [entry] = reads()
    assert (entry.detail["view"], entry.actor_id, entry.object_id) == (
        "analysis:detail",
        doctor.pk,
        recommendation.job_id,
    )


def test_an_override_is_signed_and_shown(doctor, recommendation):
    client = signed_in(doctor)

    answer = client.post(sign_at(recommendation), OVERRIDE)

    decision = Decision.objects.get()
    assert answer.headers["Location"] == page_of(recommendation)
    assert (decision.choice, decision.reason, decision.signed_by_id, decision.follows_proposal) == (
        "refer",
        OVERRIDE["reason"],
        doctor.pk,
        False,
    )
    page = client.get(page_of(recommendation)).content.decode()
    assert OVERRIDE["reason"] in page
    assert doctor.full_name in page
    assert "Sign decision" not in page
    timeline = client.get(reverse("patients:detail", args=[recommendation.patient_id]))
    assert OVERRIDE["reason"] in timeline.content.decode()


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"choice": "refer", "reason": ""}, "reason"),
        ({"choice": "refer", "reason": "  ok "}, "reason"),
        ({"choice": "", "reason": "Long enough"}, "choice"),
        ({"choice": "stop_everything", "reason": "Long enough"}, "choice"),
    ],
)
def test_a_decision_without_choice_or_reason_signs_nothing(sent, field, doctor, recommendation):
    answer = signed_in(doctor).post(sign_at(recommendation), sent | {"password": PASSWORD})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not Decision.objects.exists()
    assert not AuditEntry.objects.exists()
    assert Recommendation.objects.get().status == "PROPOSED"


def test_accepting_needs_no_reason(doctor, recommendation):
    sent = {"choice": recommendation.proposal, "password": PASSWORD}
    signed_in(doctor).post(sign_at(recommendation), sent)

    assert Decision.objects.get().follows_proposal is True


def test_a_second_signature_is_refused(doctor, clinic, recommendation):
    make_decision(recommendation, signed_by=doctor)
    other = make_user(Role.DOCTOR, clinics=[clinic])

    answer = signed_in(other).post(sign_at(recommendation), OVERRIDE)

    assert answer.status_code == 409
    assert Decision.objects.get().signed_by_id == doctor.pk
    assert doctor.full_name in answer.content.decode()


def test_D13_only_a_doctor_signs(clinic, recommendation):
    radiographer = make_user(Role.RADIOGRAPHER, clinics=[clinic])

    page = signed_in(radiographer).get(page_of(recommendation)).content.decode()
    answer = signed_in(radiographer).post(sign_at(recommendation), OVERRIDE)

    assert "Sign decision" not in page
    assert answer.status_code == 403
    assert not Decision.objects.exists()


def test_an_older_analysis_points_to_the_newer_one(doctor, clinic):
    current = make_mammogram(make_patient(clinic))
    old = make_recommendation(current=current)
    newer = make_job(current)

    page = signed_in(doctor).get(page_of(old)).content.decode()

    assert reverse("analysis:detail", args=[newer.pk]) in page


@pytest.fixture
def kept(store, recommendation, tmp_path):
    """The comparison's pictures, as the worker leaves them."""
    picture = tmp_path / "current.png"
    picture.write_bytes(png(breast()))
    histogram = tmp_path / "histogram.json"
    histogram.write_text(json.dumps({"counts": [4] * 256}))
    key = recommendation.comparison.pictures_key
    store.put_derived(key, {"current.png": picture, "histogram.json": histogram})
    return picture.read_bytes()


def test_pictures_of_the_comparison_are_sent_private(doctor, recommendation, kept):
    path = reverse("analysis:picture", args=[recommendation.job_id, "current"])

    answer = signed_in(doctor).get(path)

    assert b"".join(answer.streaming_content) == kept
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("name", ["ssim_map", "histogram", "passwd", "pixels"])
def test_other_names_are_not_pictures(name, doctor, recommendation, kept):
    path = reverse("analysis:picture", args=[recommendation.job_id, name])

    assert signed_in(doctor).get(path).status_code == 404


def test_the_page_shows_the_pictures_that_were_made(doctor, recommendation, kept):
    page = signed_in(doctor).get(page_of(recommendation))

    assert page.context["pictures"] == {"current"}
    assert len(page.context["histogram"]) == 64
    assert reverse("analysis:picture", args=[recommendation.job_id, "current"]) in (
        page.content.decode()
    )


def test_patient_page_needs_the_same_queries_for_many_pictures(
    doctor, clinic, django_assert_num_queries, django_assert_max_num_queries
):
    patient = make_patient(clinic)
    path = reverse("patients:detail", args=[patient.pk])
    client = signed_in(doctor)
    make_decision(make_recommendation(current=make_mammogram(patient)))
    with django_assert_max_num_queries(25) as few:
        client.get(path)
    for view in ("MLO", "ML"):
        make_decision(make_recommendation(current=make_mammogram(patient, view=view)))

    with django_assert_num_queries(len(few.captured_queries)):
        client.get(path)


DISC = {"picture": "prior", "x": "400", "y": "500", "radius": "80"}


def mark_at(recommendation: Recommendation) -> str:
    return reverse("analysis:mark", args=[recommendation.job_id])


@pytest.fixture
def measured(clinic):
    """An analysis at a mark, as the worker leaves it."""
    prior, current = make_pair(make_patient(clinic))
    mark = make_mark(prior, marked_by=make_user(Role.DOCTOR, full_name="Dr. Vera Lund"))
    comparison = make_comparison(
        prior=prior,
        current=current,
        mark=mark,
        change_probability=0.93,
        change_probability_low=0.8,
        change_probability_high=0.998,
        change_threshold=0.74,
        verdict="regression",
        direction="regression",
        lesion=measured_lesion(30.0, 18.0),
        attention=[
            {"x": 100.0, "y": 700.0, "radius": 40.0, "gain": True, "probability": 0.4},
            {"x": 415.0, "y": 505.0, "radius": 40.0, "gain": False, "probability": 0.3},
        ],
    )
    job = make_job(current, prior=prior, mark=mark, state=JobState.DONE, finished_at=now())
    return make_recommendation(prior=prior, current=current, job=job, comparison=comparison)


def test_a_mark_without_script_leads_to_its_analysis(doctor, recommendation, hints):
    client = signed_in(doctor)
    page = client.get(page_of(recommendation)).content.decode()
    assert 'name="radius"' in page

    answer = client.post(mark_at(recommendation), DISC)

    mark = LesionMark.objects.get()
    job = AnalysisJob.objects.get(mark=mark)
    assert answer.headers["Location"] == reverse("analysis:detail", args=[job.pk])
    assert (mark.mammogram_id, mark.x, mark.y, mark.radius, mark.is_new, mark.marked_by_id) == (
        recommendation.prior_id,
        400.0,
        500.0,
        80.0,
        False,
        doctor.pk,
    )
    assert hints == [str(job.pk)]
    followed = client.get(answer.headers["Location"]).content.decode()
    assert "The lesion is marked. It is being measured." in followed
    earlier = client.get(page_of(recommendation)).content.decode()
    assert reverse("analysis:detail", args=[job.pk]) in earlier
    assert "A newer analysis" not in earlier


def test_every_stored_figure_of_the_comparison_is_on_the_page(doctor, measured):
    comparison = measured.comparison
    comparison.parts |= {
        "multiscale_ssim": 0.912,
        "ssim_by_scale": [{"mm": 0.4, "ssim": 0.701}, {"mm": 3.2, "ssim": 0.954}],
    }
    comparison.lesion |= {
        "prior_calcifications": {"count": 12, "extent_mm": 9.4},
        "current_calcifications": {"count": 1, "extent_mm": 0.0},
    }
    comparison.save()

    page = signed_in(doctor).get(page_of(measured)).content.decode()

    for label, value in (
        ("SSIM over all scales (MS-SSIM)", "0.912"),
        ("SSIM at 0.4 mm", "0.701"),
        ("SSIM at 3.2 mm", "0.954"),
        ("Luminance part of the SSIM", "0.980"),
        ("Contrast part of the SSIM", "0.950"),
        ("Structure part of the SSIM", "0.970"),
        ("Bright specks at the mark, prior", "12, over 9 mm"),
        ("Bright specks at the mark, current", "1"),
    ):
        assert f"<dt>{label}</dt><dd>{value}</dd>" in page, label
    assert f"{comparison.algorithm_version}, {comparison.preparation_version}" in page


def test_what_is_marked_on_the_current_picture_is_new(doctor, recommendation, hints):
    answer = signed_in(doctor).post(mark_at(recommendation), DISC | {"picture": "current"})

    mark = LesionMark.objects.get()
    assert (mark.mammogram_id, mark.is_new) == (recommendation.current_id, True)
    job = AnalysisJob.objects.get(mark=mark)
    assert (job.prior_id, job.current_id) == (recommendation.prior_id, recommendation.current_id)
    assert answer.headers["Location"] == reverse("analysis:detail", args=[job.pk])
    timeline = signed_in(doctor).get(reverse("patients:detail", args=[mark.patient_id]))
    assert "new lesion, which counts as an increase" in timeline.content.decode()


def test_a_first_picture_is_marked_to_be_followed(doctor, clinic, hints):
    alone = make_recommendation(current=make_mammogram(make_patient(clinic)))

    signed_in(doctor).post(mark_at(alone), DISC | {"picture": "current"})

    assert LesionMark.objects.get().is_new is False


def test_a_new_mark_takes_the_place_of_the_old_one(doctor, measured, hints):
    old = LesionMark.objects.get()
    client = signed_in(doctor)
    page = client.get(page_of(measured)).content.decode()
    assert f'<option value="{old.pk}">' in page

    client.post(mark_at(measured), DISC | {"replaces": str(old.pk)})
    again = client.post(mark_at(measured), DISC | {"replaces": str(old.pk)})

    new = LesionMark.objects.exclude(pk=old.pk).get()
    assert new.supersedes_id == old.pk
    assert again.status_code == 422  # no choice any more


def test_a_second_lesion_does_not_take_the_place_of_the_first_unasked(doctor, measured, hints):
    first = LesionMark.objects.get()
    client = signed_in(doctor)

    unsaid = client.post(mark_at(measured), DISC)
    client.post(mark_at(measured), DISC | {"replaces": "another"})

    assert list(unsaid.context["mark_form"].errors) == ["replaces"]
    second = LesionMark.objects.exclude(pk=first.pk).get()
    assert second.supersedes_id is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"radius": "2"}, "radius"),
        ({"radius": "wide"}, "radius"),
        ({"radius": "inf"}, "radius"),
        ({"x": "5000"}, "__all__"),
        ({"x": ""}, "x"),
        ({"picture": ""}, "picture"),
        ({"picture": "next"}, "picture"),
    ],
)
def test_a_mark_out_of_shape_marks_nothing(change, field, doctor, recommendation, hints):
    answer = signed_in(doctor).post(mark_at(recommendation), DISC | change)

    assert answer.status_code == 422
    assert list(answer.context["mark_form"].errors) == [field]
    assert "Nothing was marked" in answer.content.decode()
    assert not LesionMark.objects.exists()
    assert hints == []


def test_only_a_doctor_marks(clinic, recommendation, hints):
    radiographer = signed_in(make_user(Role.RADIOGRAPHER, clinics=[clinic]))

    page = radiographer.get(page_of(recommendation)).content.decode()
    answer = radiographer.post(mark_at(recommendation), DISC)

    assert "Mark a lesion" not in page
    assert answer.status_code == 403
    assert not LesionMark.objects.exists()


def test_a_mark_beside_the_breast_says_so_and_can_be_drawn_again(doctor, clinic):
    prior, current = make_pair(make_patient(clinic))
    job = make_job(
        current,
        prior=prior,
        mark=make_mark(prior),
        state=JobState.FAILED,
        error_code="mark_outside_breast",
        finished_at=now(),
    )

    page = signed_in(doctor).get(reverse("analysis:detail", args=[job.pk])).content.decode()

    assert "The mark lies outside the breast." in page
    assert "Mark and measure" in page


def test_the_measured_lesion_is_shown_in_honest_words(doctor, measured):
    response = signed_in(doctor).get(page_of(measured))

    assert_strict(response)
    text = " ".join(response.content.decode().split())
    for words in (
        "Regression",
        "Probability that the marked lesion changed, at even odds",
        "93 %",
        "80 % to > 99 %",
        "30 mm",
        "18 mm",
        "612 mm²",
        "0.60 (0.55 to 0.65)",
        "Marked by Dr. Vera Lund",
        "Over all dates, RECIST-like",
        "partial decrease",
        "They are no findings and drive no verdict",
        "denser than before",
    ):
        assert words.replace(">", "&gt;") in text, words
    assert "Probability of a real change" not in text
    assert "less dense than before" not in text  # it lies in the marked lesion
    assert "complete response" not in text


def test_a_lesion_that_is_gone_is_no_response(doctor, measured):
    comparison = measured.comparison
    comparison.lesion = measured_lesion(30.0, None, still_visible=False)
    comparison.save()

    text = signed_in(doctor).get(page_of(measured)).content.decode()

    assert "no proof that none is left, and no complete response" in text
    assert "Longest diameter on the prior: <strong>30 mm</strong>" in text


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("no_detectable_change", "No detectable change is not no lesion"),
        ("changed_direction_unclear", "no lesion is marked, so no direction is claimed"),
    ],
)
def test_without_a_mark_the_page_says_what_is_not_known(verdict, words, doctor, clinic):
    prior, current = make_pair(make_patient(clinic))
    comparison = make_comparison(
        prior=prior,
        current=current,
        verdict=verdict,
        change_probability_low=0.01,
        change_probability_high=0.2,
    )
    recommendation = make_recommendation(prior=prior, current=current, comparison=comparison)

    text = signed_in(doctor).get(page_of(recommendation)).content.decode()

    assert words in text
    assert "Probability that a mass changed, at even odds" in text


def test_a_score_of_categories_is_called_so(doctor, recommendation):
    """An algorithm without an interval is calibrated on changed BI-RADS categories."""
    text = signed_in(doctor).get(page_of(recommendation)).content.decode()

    assert "Probability that the BI-RADS category changed" in text
    assert "even odds" not in text


def test_simulated_pictures_say_so_on_every_page(doctor, clinic):
    current = make_mammogram(make_patient(clinic), origin="SIMULATED")
    recommendation = make_recommendation(current=current)
    client = signed_in(doctor)

    for path in (
        reverse("worklist"),
        page_of(recommendation),
        reverse("patients:detail", args=[current.patient_id]),
    ):
        assert "Simulated" in client.get(path).content.decode(), path


@pytest.fixture
def with_heat_maps(store, clinic, tmp_path):
    """A proposal whose current prediction has a doubtful heat map, and its prior none."""
    prior, current = make_pair(make_patient(clinic))
    picture = tmp_path / HEAT_MAP
    picture.write_bytes(png(breast()))
    key = hashlib.sha256(b"heat").hexdigest()
    store.put_derived(key, {HEAT_MAP: picture})
    heat = {"heat_map_key": key, "heat_outside_share": 0.31, "heat_plausible": False}
    return make_recommendation(
        prior=prior, current=current, current_prediction=make_prediction(current, **heat)
    )


def heat_map_of(recommendation: Recommendation, which: str) -> str:
    return reverse("analysis:heat-map", args=[recommendation.job_id, which])


def test_a_heat_map_is_sent_private_to_those_who_read_analyses(clinic, with_heat_maps):
    path = heat_map_of(with_heat_maps, "current")

    for role, status in READERS.items():
        answer = signed_in(make_user(role, clinics=[clinic])).get(path)
        assert answer.status_code == status
        if status == 200:
            assert b"".join(answer.streaming_content).startswith(b"\x89PNG")
            assert answer.headers["Content-Type"] == "image/png"
            assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("which", ["prior", "current_prediction", "next"])
def test_a_heat_map_that_was_not_made_is_not_found(which, doctor, with_heat_maps):
    assert signed_in(doctor).get(heat_map_of(with_heat_maps, which)).status_code == 404


def test_a_doubtful_heat_map_says_so_beside_the_picture_and_the_answer(doctor, with_heat_maps):
    text = signed_in(doctor).get(page_of(with_heat_maps)).content.decode()

    assert heat_map_of(with_heat_maps, "current") in text
    assert heat_map_of(with_heat_maps, "prior") not in text
    assert "Computer suggestion by model-test" in text
    assert "31 % of it lies beside the breast" in text
    assert "31 % of the evidence for suspicion lies beside the breast" in text


def test_s05_who_sees_no_pictures_is_not_told_that_there_are_none(clinic):
    patient = make_patient(clinic)
    make_mammogram(patient)
    seen = {
        role: signed_in(make_user(role, clinics=[clinic]))
        .get(reverse("patients:detail", args=[patient.pk]))
        .content.decode()
        for role in (Role.RECEPTIONIST, Role.RADIOGRAPHER)
    }

    assert "not shown to your role, whether there are any" in seen[Role.RECEPTIONIST]
    assert "Nothing on record yet" not in seen[Role.RECEPTIONIST]
    assert "not shown to your role" not in seen[Role.RADIOGRAPHER]


def test_s07_analyses_at_two_lesions_of_one_doctor_are_told_apart(doctor, clinic):
    prior, current = make_pair(make_patient(clinic))
    first, second = (make_mark(prior, marked_by=doctor, x=x) for x in (300.0, 500.0))
    jobs = [make_job(prior=prior, current=current, mark=mark) for mark in (first, second)]
    make_recommendation(job=jobs[0], prior=prior, current=current)

    page = signed_in(doctor).get(reverse("analysis:detail", args=[jobs[0].pk]))

    assert dict(page.context["analyses"]) == {jobs[0]: "L1", jobs[1]: "L2"}
    assert "<strong>L2</strong>, at the lesion" in page.content.decode()
