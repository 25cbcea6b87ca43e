"""Features of a prepared breast by the backbone of the active classifier."""

import threading
from functools import cache

import numpy as np

from analysis.imaging.breast import PreparedBreast
from ml_models.architecture import LITE0_CHANNELS
from ml_models.head import pooled
from ml_models.inputs import fit_to_canvas
from ml_models.registry import Manifest, active_manifest, load_weights
from ml_models.runtime import Network, backbone_graph
from ml_models.similar.reference import Features


class Embedder:
    """Thread-safe; loads its network on first use."""

    def __init__(self, manifest: Manifest) -> None:
        self.version, self.sha256 = manifest.version, manifest.sha256
        self._manifest = manifest
        self._lock = threading.Lock()
        self._backbone: Network | None = None

    def embed(self, prepared: PreparedBreast) -> Features:
        """(2560,) float32: pooled features, mean over the breast and its mirror image."""
        canvas = fit_to_canvas(prepared.crop, self._manifest.input_shape)
        with self._lock:
            if self._backbone is None:
                weights = load_weights(self._manifest)
                self._backbone = Network(backbone_graph(weights, self._manifest.input_shape))
            maps = self._backbone(np.stack([canvas, canvas[:, ::-1]]))[:, :LITE0_CHANNELS]
        return np.asarray(pooled(maps).mean(axis=0), np.float32)


@cache
def embedder() -> Embedder:
    """That of the active classifier, one a process."""
    return Embedder(active_manifest())
