"""From pixels to findings: what the worker and the command line both run. No database.

Importing this module loads OpenCV; only workers and commands do.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from analysis import guideline
from analysis.imaging.breast import PreparedBreast, prepare_breast
from analysis.imaging.comparison import DEFAULT_ALGORITHM, ChangeMeasurement, compare_breasts
from analysis.imaging.decode import load_pixels
from analysis.imaging.mark import Mark
from analysis.imaging.versions import PREPARATION_VERSION
from analysis.mark_limits import check_mark
from analysis.size_category import SizedDate
from ml_models.classifier import Classification, Classifier, Explained


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
class PriorFindings:
    """What the machine found in the prior, and between it and the current picture."""

    prepared: PreparedBreast
    explained: Explained
    change: ChangeMeasurement

    @property
    def classification(self) -> Classification:
        return self.explained.classification


@dataclass(frozen=True)
class Findings:
    """What the machine found in the current picture; against its prior where there is one."""

    prepared: PreparedBreast
    explained: Explained
    against_prior: PriorFindings | None
    model_sha256: str
    preparation_version: str = PREPARATION_VERSION

    @property
    def classification(self) -> Classification:
        return self.explained.classification

    def outcome(
        self, record: guideline.ClinicalRecord | None, *, size: SizedDate | None = None
    ) -> guideline.Outcome:
        """What the rules propose; ``record`` is None where no patient's record is read.

        ``size``: of the marked lesion on the current picture, against the earlier ones.
        """
        before = self.against_prior
        return guideline.propose(
            guideline.Evidence(
                current=_image_finding(self.classification),
                prior=_image_finding(before.classification) if before else None,
                change=_change_finding(before.change, size) if before else None,
                record=record,
            )
        )


def analyse(current: Picture, *, model: Classifier) -> Findings:
    """Classify one picture that has no prior."""
    prepared = current.prepare()
    return Findings(
        prepared, model.explain(prepared), against_prior=None, model_sha256=model.sha256
    )


def analyse_pair(
    *,
    prior: Picture,
    current: Picture,
    model: Classifier,
    algorithm: str = DEFAULT_ALGORITHM,
    lesion: Mark | None = None,
) -> tuple[Findings, PriorFindings]:
    """Classify both pictures and compare them; the second value is also inside the first.

    ``lesion``: a mass marked on the prior, in its pixels.
    """
    earlier, later = prepare_pair(prior=prior, current=current)
    if lesion is not None:
        rows, columns = earlier.source.shape
        check_mark(**vars(lesion), rows=rows, columns=columns, spacing_mm=prior.spacing_mm)
    found_earlier, found_later = (model.explain(each) for each in (earlier, later))
    change = compare_breasts(prior=earlier, current=later, algorithm=algorithm, lesion=lesion)
    against_prior = PriorFindings(earlier, found_earlier, change)
    findings = Findings(later, found_later, against_prior, model_sha256=model.sha256)
    return findings, against_prior


def prepare_pair(*, prior: Picture, current: Picture) -> tuple[PreparedBreast, PreparedBreast]:
    """Prepare both at once: reading and shrinking a film keeps one core busy, outside Python."""
    with ThreadPoolExecutor(max_workers=2) as both:
        earlier, later = both.map(Picture.prepare, (prior, current))
    return earlier, later


def _image_finding(found: Classification) -> guideline.ImageFinding:
    category = None if found.abstained else found.category
    return guideline.ImageFinding(
        assessable=found.assessable,
        reasons=found.reasons,
        category=int(category) if category else None,
        suspicious_probability=found.suspicious_probability,
    )


def _change_finding(change: ChangeMeasurement, size: SizedDate | None) -> guideline.ChangeFinding:
    return guideline.ChangeFinding(
        comparable=change.comparable,
        reason=change.reason,
        verdict=change.verdict,
        ssim=change.ssim,
        change_probability=change.change_probability,
        lesion_marked=change.lesion is not None,
        size=size,
    )
