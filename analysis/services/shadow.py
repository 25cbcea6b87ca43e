"""Try a model version on stored scans beside the active one, and say where the two differ."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from analysis.choices import ModelState
from analysis.imaging.errors import ImagingError
from analysis.models import ModelVersion
from analysis.releases import active_model
from mammotrack.accounts.models import Clinic
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Rejected
from mammotrack.models import now
from ml_models import registry
from ml_models.registry import Manifest
from scans.models import Mammogram
from scans.services import object_store

if TYPE_CHECKING:
    from ml_models.classifier import Classification, Classifier

NO_ANSWER = "none"
"""Where a version abstains or cannot assess."""

Report = dict[str, Any]


class SameModel(Rejected):
    code = "model_is_active"


def shadow_run(version: str, mammograms: Iterable[Mammogram]) -> Report:
    """Classify stored pictures with both versions; no answer of it reaches a record.

    Raises
    ------
    SameModel
        The version is the active one.
    ModelError
        Either version cannot be loaded.
    """
    from ml_models.classifier import Classifier  # noqa: PLC0415 -- OpenCV

    active, candidate = active_model(), registry.load_manifest(version)
    if candidate.version == active.version:
        raise SameModel(f"{version} is active already.")
    before, after = Classifier(active), Classifier(candidate)
    answers = {
        str(mammogram.pk): both
        for mammogram in mammograms
        if (both := _both(mammogram, before, after)) is not None
    }
    report = {
        "task": ModelVersion.BIRADS,
        "active": _named(active),
        "candidate": _named(candidate),
        "made_at": now().isoformat(timespec="seconds"),
        **_differences(answers),
    }
    _note(candidate, report)
    return report


def digest(report: Report) -> str:
    """SHA-256 of what a report says, without its signature."""
    said = {name: value for name, value in report.items() if name != "signature"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _named(manifest: Manifest) -> dict[str, str]:
    return {"version": manifest.version, "sha256": manifest.sha256}


def _both(
    mammogram: Mammogram, before: Classifier, after: Classifier
) -> tuple[Classification, Classification] | None:
    from analysis.pipeline import Picture  # noqa: PLC0415 -- OpenCV

    pixels = object_store().derived_path(mammogram.sha256, "pixels.png")
    picture = Picture(pixels, mammogram.pixel_spacing_mm, mammogram.laterality, mammogram.view)
    try:
        prepared = picture.prepare()
    except ImagingError:  # no version can answer it
        return None
    return before.classify(prepared), after.classify(prepared)


def _differences(answers: dict[str, tuple[Classification, Classification]]) -> Report:
    categories = {key: tuple(_category(a) for a in both) for key, both in answers.items()}
    shifts = [
        after.suspicious_probability - before.suspicious_probability
        for before, after in answers.values()
        if before.suspicious_probability is not None and after.suspicious_probability is not None
    ]
    agreed = sum(before == after for before, after in categories.values())
    changes = Counter(f"{a} to {b}" for a, b in categories.values() if a != b)
    return {
        "n": len(answers),
        "agreed": agreed,
        "agreement": round(agreed / len(answers), 4) if answers else None,
        "changes": dict(sorted(changes.items())),
        "changed": {
            key: list(both) for key, both in sorted(categories.items()) if len(set(both)) > 1
        },
        "distribution": {
            "active": dict(sorted(Counter(a for a, _ in categories.values()).items())),
            "candidate": dict(sorted(Counter(b for _, b in categories.values()).items())),
        },
        "suspicious_probability": {
            "n": len(shifts),
            "mean_shift": round(sum(shifts) / len(shifts), 4) if shifts else None,
            "largest_shift": round(max(map(abs, shifts)), 4) if shifts else None,
        },
    }


def _category(answer: Classification) -> str:
    return NO_ANSWER if answer.abstained or answer.category is None else answer.category


@retry_on_conflict
def _note(candidate: Manifest, report: Report) -> None:
    with atomic():
        row = ModelVersion.objects.filter(version=candidate.version).first()
        if row is None:
            row = ModelVersion(
                task=ModelVersion.BIRADS,
                version=candidate.version,
                sha256=candidate.sha256,
                state=ModelState.SHADOW,
            )
            row.save(force_insert=True)
        for clinic in Clinic.objects.all():  # whose scans were looked at
            audit.record(
                Action.MODEL_SHADOWED,
                subject=row,
                clinic_id=clinic.pk,
                actor=None,
                version=candidate.version,
                report_sha256=digest(report),
            )
