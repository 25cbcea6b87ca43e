"""Sign a shadow report, and activate a model version by it. Two people, both named."""

from __future__ import annotations

import hmac
import json
from typing import Any

from django.db import IntegrityError
from django.utils.crypto import salted_hmac

from analysis.choices import ModelState
from analysis.models import ModelVersion
from analysis.releases import active_model
from analysis.services.shadow import Report, digest
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, Rejected
from mammotrack.models import now
from ml_models import registry
from ml_models.registry import Manifest

SALT = "mammotrack.shadow-report"
MEANING = "I have read the differences and agree that this version answers from now on."


class ReportRefused(Rejected):
    """The report does not carry what an activation rests on; the code says what."""

    code = "report_refused"


def sign_report(report: Report, *, signed_by: User) -> Report:
    """The report with a person's signature, which holds for exactly this report on this server."""
    require(signed_by, Permission.JUDGE_MODELS)
    signature = {
        "user_id": str(signed_by.pk),
        "name": signed_by.full_name,
        "role": signed_by.role,
        "meaning": MEANING,
        "signed_at": now().isoformat(timespec="seconds"),
        "report_sha256": digest(report),
    }
    return {**report, "signature": {**signature, "mac": _mac(signature)}}


def activate_model(version: str, *, report: Report, activated_by: User) -> None:
    """Let a version answer from now on; the one before is retired. Both or neither.

    Raises
    ------
    ReportRefused
        ``report_unsigned``, ``report_forged``, ``report_empty``, ``report_of_other_models``, or
        ``same_person`` when who activates is who signed.
    ModelError
        The version is unknown, or its weights are not those of its manifest.
    Conflict
        Somebody activated another version at the same moment.
    """
    require(activated_by, Permission.ACTIVATE_MODELS)
    before, candidate = active_model(), registry.load_manifest(version)
    signature = _checked_signature(report)
    models = {"active": before, "candidate": candidate}
    for name, manifest in models.items():
        if report[name] != {"version": manifest.version, "sha256": manifest.sha256}:
            raise ReportRefused(
                f"The report's {name} model is not {manifest.version} as it is now.",
                code="report_of_other_models",
            )
    if signature["user_id"] == str(activated_by.pk):
        raise ReportRefused("Who signed the report does not activate by it.", code="same_person")
    registry.load_weights(candidate)
    try:
        _switch(before, candidate, report, activated_by)
    except IntegrityError as error:
        raise Conflict("Another version was activated at the same moment.") from error


def _checked_signature(report: Report) -> dict[str, Any]:
    signature = report.get("signature")
    if not isinstance(signature, dict):
        raise ReportRefused("Nobody has signed the report.", code="report_unsigned")
    signed = {name: value for name, value in signature.items() if name != "mac"}
    genuine = hmac.compare_digest(_mac(signed), str(signature.get("mac")))
    if not genuine or signed.get("report_sha256") != digest(report):
        raise ReportRefused(
            "The signature is not of this report, or not of this server.", code="report_forged"
        )
    if not report.get("n"):
        raise ReportRefused("The report compares no picture.", code="report_empty")
    return signed


def _mac(signature: dict[str, Any]) -> str:
    said = json.dumps(signature, sort_keys=True)
    return salted_hmac(SALT, said, algorithm="sha256").hexdigest()


@retry_on_conflict
def _switch(before: Manifest, after: Manifest, report: Report, activated_by: User) -> None:
    with atomic():
        _set_state(before, ModelState.RETIRED)
        row = _set_state(after, ModelState.ACTIVE)
        audit.record(
            Action.MODEL_ACTIVATED,
            subject=row,
            clinic_id=None,  # it answers in every clinic
            actor=activated_by,
            version=after.version,
            sha256=after.sha256,
            replaces=before.version,
            report_sha256=digest(report),
            report_signed_by=report["signature"]["user_id"],
        )


def _set_state(manifest: Manifest, state: ModelState) -> ModelVersion:
    row = ModelVersion.objects.filter(version=manifest.version).first() or ModelVersion(
        task=ModelVersion.BIRADS, version=manifest.version
    )
    row.sha256, row.state = manifest.sha256, state
    row.save()
    return row
