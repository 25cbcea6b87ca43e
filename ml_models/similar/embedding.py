"""Features of a prepared breast by the backbone of the active classifier."""

import threading
from functools import cache
from typing import Any

import numpy as np

from analysis.imaging.breast import PreparedBreast
from ml_models.architecture import build_feature_extractor, write_weights
from ml_models.backend import tensorflow
from ml_models.inputs import fit_to_canvas
from ml_models.registry import Manifest, active_manifest, load_weights
from ml_models.similar.reference import Features


class Embedder:
    """Thread-safe; loads its network on first use."""

    def __init__(self, manifest: Manifest) -> None:
        self.version, self.sha256 = manifest.version, manifest.sha256
        self._manifest = manifest
        self._lock = threading.Lock()
        self._forward: Any = None

    def embed(self, prepared: PreparedBreast) -> Features:
        """(2560,) float32: pooled features, mean over the breast and its mirror image."""
        with self._lock:
            if self._forward is None:
                self._forward = self._load()
        canvas = fit_to_canvas(prepared.crop, self._manifest.input_shape)
        copies = np.asarray(self._forward(np.stack([canvas, canvas[:, ::-1]])[..., None]))
        return np.asarray(copies.mean(axis=0), np.float32)

    def _load(self) -> Any:
        tf = tensorflow()
        extractor = build_feature_extractor(self._manifest.input_shape)
        write_weights(extractor, load_weights(self._manifest))
        return tf.function(
            lambda batch: extractor(batch, training=False),
            input_signature=[tf.TensorSpec((2, *self._manifest.input_shape, 1), tf.float32)],
            autograph=False,
        )


@cache
def embedder() -> Embedder:
    """That of the active classifier, one a process."""
    return Embedder(active_manifest())
