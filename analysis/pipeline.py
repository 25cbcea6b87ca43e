"""From pixels to findings: what the worker and the command line both run. No database.

Importing this module loads OpenCV; only workers and commands do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ml_models.classifier import Classification

from analysis import guideline
from analysis.imaging.breast import PreparedBreast, prepare_breast
from analysis.imaging.comparison import DEFAULT_ALGORITHM, ChangeMeasurement, compare_breasts
from analysis.imaging.decode import load_pixels
from analysis.inference import classifier


@dataclass(frozen=True)
class Picture:
    """Where decoded pixels lie and what is known about them."""

    pixels: Path
    spacing_mm: float | None
    laterality: str | None
    view: str | None

    def prepare(self) -> PreparedBreast:
        return prepare_breast(
            load_pixels(self.pixels),
            spacing_mm=self.spacing_mm,
            laterality=self.laterality,
            view=self.view,
        )


@dataclass(frozen=True)
class Findings:
    """What the machine found in one picture, or in a pair."""

    current: Classification
    prior: Classification | None
    change: ChangeMeasurement | None
    prepared_current: PreparedBreast
    prepared_prior: PreparedBreast | None

    def outcome(self, record: guideline.ClinicalRecord | None) -> guideline.Outcome:
        return guideline.propose(
            guideline.Evidence(
                current=_image_finding(self.current),
                prior=_image_finding(self.prior) if self.prior else None,
                change=_change_finding(self.change) if self.change else None,
                record=record,
            )
        )


def analyse(
    *, current: Picture, prior: Picture | None, algorithm: str = DEFAULT_ALGORITHM
) -> Findings:
    """Classify the current picture and, where there is a prior, classify it and compare both."""
    prepared = current.prepare()
    prepared_prior = prior.prepare() if prior else None
    found = classifier().classify_many([p for p in (prepared, prepared_prior) if p is not None])
    change = (
        compare_breasts(prior=prepared_prior, current=prepared, algorithm=algorithm)
        if prepared_prior
        else None
    )
    return Findings(
        current=found[0],
        prior=found[1] if prepared_prior else None,
        change=change,
        prepared_current=prepared,
        prepared_prior=prepared_prior,
    )


def _image_finding(found: Classification) -> guideline.ImageFinding:
    decided = found.assessable and not found.abstained and found.category
    return guideline.ImageFinding(
        assessable=found.assessable,
        reasons=found.reasons,
        category=int(found.category) if decided else None,
        suspicious_probability=found.suspicious_probability,
    )


def _change_finding(change: ChangeMeasurement) -> guideline.ChangeFinding:
    return guideline.ChangeFinding(
        comparable=change.comparable,
        reason=change.reason,
        verdict=change.verdict,
        ssim=change.ssim,
        change_probability=change.change_probability,
    )
