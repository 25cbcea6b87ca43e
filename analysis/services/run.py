"""Run one job: load the pictures, analyse, write the results and close the job in one step."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError

from analysis import selectors
from analysis.choices import JobState
from analysis.guideline import ClinicalRecord
from analysis.imaging.errors import ImagingError
from analysis.lesions import sizes_of
from analysis.models import AnalysisJob, Comparison, Prediction, Recommendation
from analysis.pictures import HEAT_MAP
from analysis.releases import active_model
from analysis.services import jobs
from analysis.services.breasts import keep_breasts
from analysis.services.similar import keep_similar, search_similar, stored_features
from analysis.services.superseding import settle_proposals
from analysis.size_category import LesionSize, SizedDate, size_course
from mammotrack.audit import services as audit
from mammotrack.audit.keys import PatientErased
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from ml_models.errors import ModelError
from patients import selectors as patients
from patients.choices import ConsentPurpose
from patients.consents import ConsentWithdrawn, require_consent
from patients.services import touch_record
from scans.errors import ScanFileError
from scans.models import Mammogram
from scans.services import object_store

if TYPE_CHECKING:
    from analysis.imaging.comparison import ChangeMeasurement
    from analysis.pipeline import Findings, Picture, PriorFindings
    from ml_models.similar.search import SimilarFound

WRITE_ATTEMPTS = 5


def run_job(job_id: UUID) -> None:
    """Delivered twice or raced, it computes and writes once: the claim and the fence see to it."""
    claim = jobs.claim(job_id)
    if claim is None:
        return

    with jobs.heartbeat(claim):
        try:
            require_consent(claim.job.patient_id, ConsentPurpose.AI)
            jobs.check_one_patient(claim.job)
            findings = _analyse(claim.job)
            similar = search_similar(claim.job.current, findings)
            _keep_heat_maps(claim.job, findings)
            _write_results(claim, findings, similar, _keep_pictures(claim.job, findings))
        except (ImagingError, ModelError, ScanFileError) as error:
            jobs.fail(claim, error.code)
        except (ConsentWithdrawn, PatientErased, jobs.PatientsSeparated) as error:  # meanwhile
            jobs.fail(claim, error.problem_code)
        except jobs.LostClaim:
            pass
        except Exception:  # the door of the worker: whatever it was, the job must not hang
            jobs.give_back(claim)
            raise


def _analyse(job: AnalysisJob) -> Findings:
    from analysis.imaging.mark import Mark  # noqa: PLC0415 -- OpenCV
    from analysis.inference import classifier  # noqa: PLC0415 -- OpenVINO
    from analysis.pipeline import analyse, analyse_pair  # noqa: PLC0415 -- OpenCV and OpenVINO

    current, model = _picture(job.current), classifier(active_model().version)
    if job.prior is None:
        return analyse(current, model=model)
    followed = job.followed_mark
    lesion = Mark(followed.x, followed.y, followed.radius) if followed else None
    findings, _ = analyse_pair(
        prior=_picture(job.prior), current=current, model=model, lesion=lesion
    )
    return findings


def _picture(mammogram: Mammogram) -> Picture:
    from analysis.pipeline import Picture  # noqa: PLC0415 -- OpenCV, workers only

    return Picture(
        pixels=object_store().checked_path(mammogram.sha256, "pixels.png"),
        spacing_mm=mammogram.pixel_spacing_mm,
        laterality=mammogram.laterality,
        view=mammogram.view,
    )


def _keep_pictures(job: AnalysisJob, findings: Findings) -> str:
    """Render what the page shows and keep it under a key made of what it was computed from."""
    from analysis.imaging.render import comparison_pictures  # noqa: PLC0415 -- OpenCV

    against = findings.against_prior
    if against is None:
        return ""
    pictures = comparison_pictures(
        prior=against.prepared, current=findings.prepared, change=against.change
    )
    key = hashlib.sha256(f"pictures of {job.key}".encode()).hexdigest()
    object_store().put_derived(key, pictures)
    return key


def _keep_heat_maps(job: AnalysisJob, findings: Findings) -> None:
    from analysis.imaging.film_display import encode_png  # noqa: PLC0415 -- OpenCV
    from analysis.imaging.heat import heat_overlay  # noqa: PLC0415 -- OpenCV

    for mammogram, found in _looked_at(job, findings):
        if (heat_map := found.explained.heat_map) is not None:
            overlay = heat_overlay(found.prepared, heat_map.heat)
            key = _heat_map_key(mammogram, findings)
            object_store().put_derived(key, {HEAT_MAP: encode_png(overlay)})


def _looked_at(
    job: AnalysisJob, findings: Findings
) -> list[tuple[Mammogram, Findings | PriorFindings]]:
    found: list[tuple[Mammogram, Findings | PriorFindings]] = [(job.current, findings)]
    if job.prior and findings.against_prior:
        found.append((job.prior, findings.against_prior))
    return found


def _heat_map_key(mammogram: Mammogram, findings: Findings) -> str:
    made_of = f"{mammogram.sha256} {findings.model_sha256} {findings.preparation_version}"
    return hashlib.sha256(f"heat map of {made_of}".encode()).hexdigest()


def _write_results(
    claim: jobs.Claim, findings: Findings, similar: SimilarFound, pictures_key: str
) -> None:
    """All rows and the end of the job in one transaction; a lost race for a row is run again."""
    for attempt in range(WRITE_ATTEMPTS):
        try:
            _write_once(claim, findings, similar, pictures_key)
        except IntegrityError:
            if attempt == WRITE_ATTEMPTS - 1:
                raise
        except PatientErased:
            _forget_pictures(claim.job, findings, pictures_key)
            raise
        else:
            return


def _forget_pictures(job: AnalysisJob, findings: Findings, pictures_key: str) -> None:
    """They were made after the erasure had removed what there was."""
    made = {_heat_map_key(each, findings) for each, found in _looked_at(job, findings)}
    for key in {pictures_key, *made} - {""}:
        object_store().remove(key)


@retry_on_conflict
def _write_once(
    claim: jobs.Claim, findings: Findings, similar: SimilarFound, pictures_key: str
) -> None:
    with atomic():
        jobs.finish(claim, state=JobState.DONE)
        job = _as_it_is_now(claim.job)
        touch_record(job.patient_id)
        if job.current.patient.erased_at:
            raise PatientErased("This patient is erased.")
        require_consent(job.patient_id, ConsentPurpose.AI)
        record = _record_on_exam_day(job.current)
        outcome = findings.outcome(record, size=_size_on_exam_day(job, findings))
        predictions = [_prediction(*each, findings) for each in _looked_at(job, findings)]
        for exam_id in {prediction.mammogram.exam_id for prediction in predictions}:
            keep_breasts(exam_id, findings.classification.model_version)
        current_prediction = predictions[0]
        prior_prediction = comparison = None
        if against := findings.against_prior:
            prior_prediction = predictions[1]
            comparison = _comparison(
                job, against.change, pictures_key, findings.preparation_version
            )
        recommendation = Recommendation(
            clinic_id=job.clinic_id,
            patient_id=job.patient_id,
            job=job,
            current=job.current,
            prior=job.prior,
            current_prediction=current_prediction,
            prior_prediction=prior_prediction,
            comparison=comparison,
            rules_version=outcome.rules_version,
            proposal=outcome.proposal,
            deciding_rule=outcome.deciding_rule,
            trace=_with_sources(
                outcome.trace,
                current_prediction=current_prediction,
                prior_prediction=prior_prediction,
                comparison=comparison,
            ),
            record=_as_document(record),
        )
        recommendation.save(force_insert=True)
        superseded = settle_proposals(job.current_id)
        keep_similar(
            job.current,
            similar,
            model_version=findings.classification.model_version,
            model_sha256=findings.model_sha256,
        )
        audit.record(
            Action.ANALYSIS_DONE,
            subject=job,
            clinic_id=job.clinic_id,
            patient_id=job.patient_id,
            actor=None,
            proposal=recommendation.proposal,
            rules_version=recommendation.rules_version,
            superseded=[key.hex for key in superseded],
        )


def _with_sources(
    trace: list[dict[str, Any]], **rows: Prediction | Comparison | None
) -> list[dict[str, Any]]:
    """Each rule with the ids of the rows it rests on; the record is kept as it was seen."""
    ids = {name: str(row.pk) for name, row in rows.items() if row}
    return [
        entry | {"sources": {name: ids[name] for name in entry["rests_on"] if name in ids}}
        for entry in trace
    ]


def _as_it_is_now(job: AnalysisJob) -> AnalysisJob:
    """The job with its pictures: a merge may have given them to another patient meanwhile."""
    return AnalysisJob.objects.select_related("current__patient", "prior", "mark").get(pk=job.pk)


def _record_on_exam_day(current: Mammogram) -> ClinicalRecord:
    patient, day = current.patient, current.exam_date
    course = patients.chemotherapy_at(patient, day)
    return ClinicalRecord(
        on_chemotherapy=course is not None,
        cycles_given=patients.cycles_given_by(course, day) if course else 0,
        cycles_planned=course.planned_cycles if course else None,
        malignancy_proven=patients.has_malignant_pathology(
            patient, laterality=current.laterality, on=day
        ),
    )


def _size_on_exam_day(job: AnalysisJob, findings: Findings) -> SizedDate | None:
    """The marked lesion on the current picture against all earlier dates measured so far."""
    day = job.current.exam_date
    if job.new_lesion:
        return size_course([LesionSize(day=day, diameter_mm=None)], is_new=True)[-1]
    change = findings.against_prior.change if findings.against_prior else None
    if job.mark is None or job.prior is None or change is None or change.lesion is None:
        return None
    measured = [
        (each.current.exam_date, each.lesion)
        for each in selectors.comparisons_at(job.mark)
        if each.lesion and each.current.exam_date < day
    ]
    sizes = sizes_of(job.prior.exam_date, [*measured, (day, change.lesion.as_dict())])
    return size_course(sizes, is_new=job.mark.is_new)[-1]


def _as_document(record: ClinicalRecord) -> dict[str, object]:
    return {
        "on_chemotherapy": record.on_chemotherapy,
        "cycles_given": record.cycles_given,
        "cycles_planned": record.cycles_planned,
        "malignancy_proven": record.malignancy_proven,
    }


def _prediction(
    mammogram: Mammogram, looked_at: Findings | PriorFindings, findings: Findings
) -> Prediction:
    """The row of this picture and model version: the one on record, or a new one."""
    explained = looked_at.explained
    found, heat_map = explained.classification, explained.heat_map
    same = Prediction.objects.filter(
        mammogram=mammogram,
        model_version=found.model_version,
        preparation_version=findings.preparation_version,
    ).first()
    if same:
        return same
    prediction = Prediction(
        clinic_id=mammogram.clinic_id,
        patient_id=mammogram.patient_id,
        mammogram=mammogram,
        mammogram_sha256=mammogram.sha256,
        model_version=found.model_version,
        model_sha256=findings.model_sha256,
        preparation_version=findings.preparation_version,
        assessable=found.assessable,
        reasons=list(found.reasons),
        probabilities=found.probabilities,
        category=found.category or "",
        abstained=found.abstained,
        prediction_set=list(found.prediction_set),
        suspicious_probability=found.suspicious_probability,
        heat_map_key=_heat_map_key(mammogram, findings) if heat_map else "",
        heat_outside_share=heat_map.outside_share if heat_map else None,
        heat_plausible=heat_map.plausible if heat_map else None,
        logits=[] if explained.logits is None else explained.logits.tolist(),
        features=None if explained.features is None else stored_features(explained.features),
    )
    prediction.save(force_insert=True)
    return prediction


def _similarity_parts(change: ChangeMeasurement) -> dict[str, Any]:
    by_scale = [{"mm": float(mm), "ssim": score} for mm, score in change.ssim_by_scale_mm.items()]
    return {**change.parts, "multiscale_ssim": change.multiscale_ssim, "ssim_by_scale": by_scale}


def _comparison(
    job: AnalysisJob, change: ChangeMeasurement, pictures_key: str, preparation_version: str
) -> Comparison:
    from analysis.imaging.noise_band import reporting_threshold  # noqa: PLC0415 -- OpenCV

    mark = job.followed_mark
    mark_key = mark.pk.hex if mark else ""
    same = Comparison.objects.filter(
        prior=job.prior,
        current=job.current,
        mark_key=mark_key,
        algorithm_version=change.algorithm_version,
        preparation_version=preparation_version,
    ).first()
    if same:
        return same
    low, high = change.change_interval or (None, None)
    comparison = Comparison(
        clinic_id=job.clinic_id,
        patient_id=job.patient_id,
        prior=job.prior,
        current=job.current,
        mark=mark,
        mark_key=mark_key,
        algorithm_version=change.algorithm_version,
        preparation_version=preparation_version,
        comparable=change.comparable,
        reason=change.reason or "",
        ssim=change.ssim,
        ssim_baseline=change.ssim_baseline,
        change_probability=change.change_probability,
        change_probability_low=low,
        change_probability_high=high,
        change_threshold=reporting_threshold(change),
        direction=change.direction,
        verdict=change.verdict,
        registration=change.registration.as_dict() if change.registration else {},
        parts=_similarity_parts(change),
        lesion=change.lesion.as_dict() if change.lesion else None,
        attention=[each.as_dict() for each in change.attention],
        pictures_key=pictures_key,
    )
    comparison.save(force_insert=True)
    return comparison
