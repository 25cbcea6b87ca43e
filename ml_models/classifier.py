"""Classify prepared mammograms with a registered model version."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import PreparedBreast
from ml_models.architecture import LITE0_CHANNELS
from ml_models.calibration import Calibration, log_odds_gradient
from ml_models.categories import CATEGORIES, is_suspicious, spread_over_categories
from ml_models.errors import ModelError
from ml_models.familiarity import REASON
from ml_models.fusion import fuse_logits
from ml_models.head import LinearHead, pooled
from ml_models.heatmap import HeatMap, heat_map
from ml_models.inputs import fit_to_canvas, squeeze_to_canvas
from ml_models.registry import (
    WEIGHTS_FOLDER,
    Manifest,
    active_manifest,
    load_familiarity,
    load_manifest,
    load_weights,
)
from ml_models.runtime import Network, backbone_graph, paper_graph

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Classification:
    """What one model version says about one picture.

    Attributes
    ----------
    assessable : bool
    reasons : tuple of str
        Why not, as the preparation found it, or ``unfamiliar`` when the breast is unlike all the
        model learnt from.
    model_version : str
    probabilities : dict of str to float
        '2' to '6', summing to 1; empty when not assessable. They rest on appearance alone, so a
        model that merges 6 into 5 always gives '6' 0: a malignant appearance is '5', and 6 comes
        from pathology on file (`ml_models.categories.combine_with_pathology`). They hold at the
        frequencies of the training data.
    category : str or None
        The most probable one.
    abstained : bool
        True when the prediction set rules nothing out, or everything: `category` is then no
        answer to act on.
    prediction_set : tuple of str
        Categories that cannot be ruled out (conformal, by class).
    suspicious_probability : float or None
        Calibrated probability that the category is 4 or higher, at the frequencies of the
        training data.
    """

    assessable: bool
    reasons: tuple[str, ...]
    model_version: str
    probabilities: dict[str, float]
    category: str | None
    abstained: bool
    prediction_set: tuple[str, ...]
    suspicious_probability: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, tuples as lists: ready for JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class Explained:
    """An answer and what else the same pass of the network tells.

    Attributes
    ----------
    classification : Classification
    heat_map : HeatMap or None
        Where the evidence lies; None without an answer, or where the network has none to give.
    logits : (classes,) float64 ndarray or None
        What `Classifier.fuse` takes; None without an answer.
    features : (2560,) float32 ndarray or None
        What the backbone sees, to compare pictures by (`ml_models.similar`); None as the map.
    """

    classification: Classification
    heat_map: HeatMap | None = None
    logits: NDArray[np.float64] | None = None
    features: Floats | None = None


@dataclass(frozen=True)
class Seen:
    """What a network says of one picture.

    Attributes
    ----------
    logits : (classes,) float64 ndarray
        The mean over the copies of the picture.
    grad_cam : callable or None
        From a direction, (classes,) float64, to the Grad-CAM of every copy, (copies, rows, cols)
        float32, signed, less that of an empty canvas, which is no evidence. None when the
        architecture has none to give.
    features : (2560,) float32 ndarray or None
        The pooled maps of the backbone, averaged over the copies.
    familiar : bool
        False when the features are unlike those of the training pictures.
    """

    logits: NDArray[np.float64]
    grad_cam: Callable[[NDArray[np.float64]], Floats] | None = None
    features: Floats | None = None
    familiar: bool = True


class Classifier:
    """A model version that answers; thread-safe, loads its network on first use."""

    def __init__(self, manifest: Manifest, *, folder: Path = WEIGHTS_FOLDER) -> None:
        self._manifest = manifest
        self._folder = folder
        self._lock = threading.Lock()
        self._network: Callable[[Floats], Seen] | None = None

    @classmethod
    def load(cls, version: str | None = None, *, folder: Path = WEIGHTS_FOLDER) -> "Classifier":
        """Take a version by name, or the active one.

        Raises
        ------
        ModelError
            As `registry.active_manifest` and `registry.load_manifest`.
        """
        manifest = (
            active_manifest(folder) if version is None else load_manifest(version, folder=folder)
        )
        return cls(manifest, folder=folder)

    @property
    def version(self) -> str:
        """Name of the model version."""
        return self._manifest.version

    @property
    def sha256(self) -> str:
        """SHA-256 of its weights."""
        return self._manifest.sha256

    def classify(self, prepared: PreparedBreast) -> Classification:
        """Classify one picture; see `explain`."""
        return self.explain(prepared).classification

    def explain(self, prepared: PreparedBreast) -> Explained:
        """Classify one picture and show where the evidence lies, in one pass of the network.

        Parameters
        ----------
        prepared : PreparedBreast
            One that is not assessable passes through with its reasons; the network never sees it.

        Raises
        ------
        ModelError
            ``weights_missing``, ``hash_mismatch`` or ``weights_incomplete``, when the network is
            loaded on first use.
        """
        if not prepared.assessable:
            return Explained(self._not_assessable(prepared.reasons))
        seen = self._look(prepared)
        if not seen.familiar:
            return Explained(self._not_assessable((REASON,)))
        answer = self._answer(seen.logits, self._manifest.calibration)
        return Explained(answer, self._heat_map(seen, prepared), seen.logits, seen.features)

    def classify_breast(
        self, views: Sequence[PreparedBreast], other: Sequence[PreparedBreast] = ()
    ) -> Classification:
        """Answer for one breast from all its views in one exam, seen against the other breast.

        Parameters
        ----------
        views : sequence of PreparedBreast
            Of one breast in one exam. Views that are not assessable are left out; when none is
            left, the answer is not assessable, with the reasons of all.
        other : sequence of PreparedBreast, optional
            Of the other breast in the same exam; the better answer is with it.

        Raises
        ------
        ModelError
            ``no_fusion`` when this version answers for single pictures only; else as `explain`.
        """
        found = [self.explain(view) for view in views]
        seen = [each.logits for each in found if each.logits is not None]
        if not seen:
            reasons = dict.fromkeys(r for each in found for r in each.classification.reasons)
            return self._not_assessable(tuple(reasons))
        beside = [each.logits for each in map(self.explain, other) if each.logits is not None]
        return self.fuse(seen, beside)

    def fuse(
        self, own: Sequence[NDArray[np.float64]], other: Sequence[NDArray[np.float64]] = ()
    ) -> Classification:
        """Answer for one breast from the logits of its views; `Explained` and its rows keep them.

        Parameters
        ----------
        own : sequence of (classes,) float64 ndarray
            At least one view.
        other : sequence of (classes,) float64 ndarray, optional
            Of the other breast in the same exam.

        Raises
        ------
        ModelError
            ``no_fusion`` when this version answers for single pictures only.
        """
        fusion = self._manifest.fusion
        if fusion is None:
            raise ModelError(f"{self.version} answers for single pictures only.", code="no_fusion")
        logits = fuse_logits(
            np.array(own),
            np.array(other).reshape(-1, len(self._manifest.classes)),
            reference=np.array(fusion.reference),
            other_weight=fusion.other_weight,
        )
        return self._answer(logits, fusion.calibration)

    @property
    def fuses(self) -> bool:
        """Whether it can answer for a breast from several pictures."""
        return self._manifest.fusion is not None

    def logits(self, prepared: PreparedBreast) -> NDArray[np.float64]:
        """Logits of the network, (classes,), averaged over the copies it wants."""
        return self._look(prepared).logits

    def _look(self, prepared: PreparedBreast) -> Seen:
        batch = network_input(prepared, self._manifest)
        with self._lock:
            if self._network is None:
                self._network = load_network(self._manifest, folder=self._folder)
            return self._network(batch)

    def _heat_map(self, seen: Seen, prepared: PreparedBreast) -> HeatMap | None:
        if seen.grad_cam is None:
            return None
        direction = log_odds_gradient(seen.logits, is_suspicious(self._manifest.classes))
        crop, *mirrored = seen.grad_cam(direction)
        signed = np.mean([crop, *(copy[:, ::-1] for copy in mirrored)], axis=0)
        return heat_map(signed, prepared, self._manifest.input_shape)

    def _answer(self, logits: NDArray[np.float64], calibration: Calibration) -> Classification:
        classes = self._manifest.classes
        row = logits[None]
        spread = spread_over_categories(calibration.probabilities(row), classes)[0]
        members = [
            c for c, kept in zip(classes, calibration.prediction_sets(row)[0], strict=True) if kept
        ]
        suspicious = calibration.suspicious_probability(row, is_suspicious(classes))[0]
        return Classification(
            assessable=True,
            reasons=(),
            model_version=self.version,
            probabilities={c: float(p) for c, p in zip(CATEGORIES, spread, strict=True)},
            category=CATEGORIES[int(spread.argmax())],
            abstained=len(members) in (0, len(classes)),
            prediction_set=tuple(members),
            suspicious_probability=float(suspicious),
        )

    def _not_assessable(self, reasons: tuple[str, ...]) -> Classification:
        return Classification(
            assessable=False,
            reasons=reasons,
            model_version=self.version,
            probabilities={},
            category=None,
            abstained=True,
            prediction_set=(),
            suspicious_probability=None,
        )


def appearance(features: Floats) -> Floats:
    """(copies, 2 channels) pooled maps of one picture to the (1, channels) that tell its kind.

    The means, over the copies: a maximum is moved by a single bright spot.
    """
    return features[:, :LITE0_CHANNELS].mean(axis=0, keepdims=True)


def network_input(prepared: PreparedBreast, manifest: Manifest) -> Floats:
    """The batch a version wants for one picture, (copies, rows, cols) float32 in [0, 1].

    A network without a patch scorer gets the breast and its mirror image, left to right: the breast
    of the other side. Upside down, which swaps the inner and outer half, is not used.
    """
    if manifest.architecture == "paper-cnn":
        return squeeze_to_canvas(prepared.source, manifest.input_shape)[None]
    canvas = fit_to_canvas(prepared.crop, manifest.input_shape)
    if manifest.architecture == "efficientnet-lite0-lesions":
        return canvas[None]
    return np.stack([canvas, canvas[:, ::-1]])


def load_network(manifest: Manifest, *, folder: Path) -> Callable[[Floats], Seen]:
    """Build a version's network from its proven weights."""
    weights = load_weights(manifest, folder=folder)
    classes = len(manifest.classes)
    if manifest.architecture == "paper-cnn":
        paper = Network(paper_graph(weights, manifest.input_shape, classes=classes))
        return lambda batch: Seen(paper(batch).mean(axis=0).astype(np.float64))
    backbone = Network(backbone_graph(weights, manifest.input_shape))
    head = LinearHead.from_weights(weights, channels=LITE0_CHANNELS, classes=classes)

    familiarity = load_familiarity(manifest, folder=folder)
    empty = backbone(np.zeros((1, *manifest.input_shape), np.float32))

    def look(batch: Floats) -> Seen:
        maps = backbone(batch)
        features = pooled(maps)
        return Seen(
            head.logits(features).mean(axis=0),
            lambda direction: head.grad_cam(maps, direction) - head.grad_cam(empty, direction),
            features=features[:, : 2 * LITE0_CHANNELS].mean(axis=0),
            familiar=familiarity is None or bool(familiarity.knows(appearance(features))[0]),
        )

    return look
