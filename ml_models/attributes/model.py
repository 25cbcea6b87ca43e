"""The shipped attribute model: loading it, and asking it about one mass. Plain numpy."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.attributes.descriptors import Descriptors
from ml_models.attributes.design import Design, raw_values
from ml_models.errors import ModelError

Floats = NDArray[np.float64]

VERSIONS = Path(__file__).parent / "weights"
ACTIVE = "attributes-1"


@dataclass(frozen=True)
class Estimate:
    """What the model says about one mass.

    Attributes
    ----------
    probability : float
        Of malignancy, at the share of malignant masses in the training table (46 %).
    low, high : float
        95 % interval of the fit (refits on resampled rows): how well the model is known, not how
        much women with the same description differ.
    uses_assessment : bool
        False where no category was given; the descriptors alone then speak.
    model_version, model_sha256 : str
    """

    probability: float
    low: float
    high: float
    uses_assessment: bool
    model_version: str
    model_sha256: str


@dataclass(frozen=True)
class Logistic:
    """A design with its coefficients.

    Attributes
    ----------
    design : Design
    coefficients : (1 + refits, columns) float64 ndarray
        The fit, then refits on resampled rows.
    """

    design: Design
    coefficients: Floats

    def probabilities(self, values: Floats) -> Floats:
        """(n, 5) raw values to (n, 1 + refits) probabilities."""
        logits = self.design.columns(values) @ self.coefficients.T
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))))


@dataclass(frozen=True)
class AttributeModel:
    """One version: a model that knows the assessment, and one for masses without one."""

    version: str
    sha256: str
    manifest: dict[str, Any]
    with_assessment: Logistic
    descriptors_only: Logistic

    @classmethod
    def load(cls, version: str = ACTIVE, *, folder: Path = VERSIONS) -> "AttributeModel":
        """Read a version, once the hash of its arrays is proven.

        Raises
        ------
        ModelError
            ``unknown_version``, ``weights_missing`` or ``hash_mismatch``.
        """
        from ml_models.registry import load_arrays

        path = folder / version / "manifest.json"
        if not path.is_file():
            raise ModelError(f"There is no model version {version!r}.", code="unknown_version")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        arrays = load_arrays(folder / version / "weights.npz", sha256=manifest["sha256"])
        return cls(
            version=version,
            sha256=manifest["sha256"],
            manifest=manifest,
            with_assessment=_logistic(arrays, "with_assessment"),
            descriptors_only=_logistic(arrays, "descriptors_only"),
        )

    def estimate(self, mass: Descriptors) -> Estimate:
        """Probability that a mass so described is malignant."""
        uses_assessment = mass.assessment is not None
        model = self.with_assessment if uses_assessment else self.descriptors_only
        probability, *refits = model.probabilities(raw_values([mass]))[0]
        low, high = np.percentile(refits, [2.5, 97.5])
        return Estimate(
            probability=float(probability),
            low=float(low),
            high=float(high),
            uses_assessment=uses_assessment,
            model_version=self.version,
            model_sha256=self.sha256,
        )

    def arrays(self) -> dict[str, Floats]:
        """What the weights file holds."""
        return {
            f"{name}/{part}": array
            for name, model in (
                ("with_assessment", self.with_assessment),
                ("descriptors_only", self.descriptors_only),
            )
            for part, array in (
                ("coefficients", model.coefficients),
                ("fill", model.design.fill),
                ("knots", model.design.knots),
            )
        }


def _logistic(arrays: dict[str, NDArray[Any]], name: str) -> Logistic:
    return Logistic(
        design=Design(
            fill=arrays[f"{name}/fill"],
            knots=arrays[f"{name}/knots"],
            with_assessment=name == "with_assessment",
        ),
        coefficients=arrays[f"{name}/coefficients"],
    )
