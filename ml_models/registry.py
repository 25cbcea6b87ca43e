"""Model versions on disk: ``weights/<version>/manifest.json`` and ``weights.npz``.

A manifest says everything about a version but its numbers, and names the SHA-256 of those. The
weights are plain arrays, read without pickle; the architecture is code. Nothing is loaded whose
hash is not the one in its manifest.
"""

import dataclasses
import hashlib
import io
import json
import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ml_models.architecture import Weights
from ml_models.calibration import Calibration, Platt
from ml_models.errors import ModelError
from ml_models.familiarity import Familiarity

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
STATES = ("draft", "shadow", "active", "retired", "baseline")

LARGEST_ARRAY_BYTES = 100_000_000

_VERSION = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


@dataclass(frozen=True)
class Fusion:
    """How one version answers for a breast from all pictures of an exam (`ml_models.fusion`).

    Attributes
    ----------
    other_weight : float
    reference : tuple of float
        Logits of an average breast.
    calibration : Calibration
        Of fused logits.
    """

    other_weight: float
    reference: tuple[float, ...]
    calibration: Calibration


@dataclass(frozen=True)
class Manifest:
    """One model version.

    Attributes
    ----------
    version : str
    state : {'draft', 'shadow', 'active', 'retired', 'baseline'}
        As released: one version is active, which a server runs until it activates another; a
        baseline is kept to be measured against.
    architecture : {'efficientnet-lite0', 'efficientnet-lite0-lesions', 'paper-cnn'}
        With lesions, the backbone has a second end, the patch scorer; it sees no mirror image.
    sha256 : str
        Of ``weights.npz``.
    input_shape : (rows, cols)
    preparation_version : str
        Of ``analysis.imaging.breast`` in training.
    classes : tuple of str
        BI-RADS categories in the order of the logits.
    evidence : str
        What the probabilities rest on, and what not.
    calibration : Calibration
    coverage : float
        Share of each class whose prediction set is meant to hold it.
    licence : str
        Terms of use that follow from the training data.
    seed : int
    data : dict
        Sources, counts and the SHA-256 of the data manifest.
    metrics : dict
        Out-of-fold figures, each ``[value, low, high]``.
    familiarity : dict or None
        SHA-256 of ``familiarity.npz``, its threshold, and the share of held-out training
        pictures beyond that.
    fusion : Fusion or None
        None for a version that answers for single pictures only.
    """

    version: str
    state: str
    architecture: str
    sha256: str
    input_shape: tuple[int, int]
    preparation_version: str
    classes: tuple[str, ...]
    evidence: str
    calibration: Calibration
    coverage: float
    licence: str
    seed: int
    data: dict[str, Any]
    metrics: dict[str, Any]
    familiarity: dict[str, Any] | None = None
    fusion: Fusion | None = None


def versions(folder: Path = WEIGHTS_FOLDER) -> list[Manifest]:
    """Every registered version, by name."""
    return [
        load_manifest(path.parent.name, folder=folder)
        for path in sorted(folder.glob("*/manifest.json"))
    ]


def active_manifest(folder: Path = WEIGHTS_FOLDER) -> Manifest:
    """The one active version.

    Raises
    ------
    ModelError
        ``no_active_model`` or ``several_active_models``.
    """
    active = [manifest for manifest in versions(folder) if manifest.state == "active"]
    if len(active) != 1:
        names = ", ".join(manifest.version for manifest in active) or "none"
        raise ModelError(
            f"Expected one active model version, found {names}.",
            code="several_active_models" if active else "no_active_model",
        )
    return active[0]


def load_manifest(version: str, *, folder: Path = WEIGHTS_FOLDER) -> Manifest:
    """Read one manifest.

    Raises
    ------
    ModelError
        ``unknown_version`` when there is none, ``invalid_manifest`` when it does not say what
        it must.
    """
    path = folder / version / "manifest.json"
    if not _VERSION.fullmatch(version) or not path.is_file():
        raise ModelError(f"There is no model version {version!r}.", code="unknown_version")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        fusion = stored.get("fusion")
        manifest = Manifest(
            **{
                **stored,
                "input_shape": tuple(stored["input_shape"]),
                "classes": tuple(stored["classes"]),
                "calibration": _calibration(stored["calibration"]),
                "fusion": fusion
                and Fusion(
                    other_weight=fusion["other_weight"],
                    reference=tuple(fusion["reference"]),
                    calibration=_calibration(fusion["calibration"]),
                ),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"The manifest of {version} is not valid: {error}.", code="invalid_manifest"
        ) from error
    if manifest.version != version or manifest.state not in STATES:
        raise ModelError(
            f"The manifest of {version} names version {manifest.version!r}, "
            f"state {manifest.state!r}.",
            code="invalid_manifest",
        )
    return manifest


def _calibration(stored: dict[str, Any]) -> Calibration:
    return Calibration(
        temperature=stored["temperature"],
        suspicious=Platt(**stored["suspicious"]),
        set_thresholds=tuple(stored["set_thresholds"]),
    )


def load_weights(manifest: Manifest, *, folder: Path = WEIGHTS_FOLDER) -> Weights:
    """Read the arrays of a version, once their hash is proven.

    Raises
    ------
    ModelError
        ``weights_missing``, ``hash_mismatch`` when the file is not the one in the manifest, or
        ``unreadable_weights`` when it is, and holds anything but plain arrays.
    """
    stored = load_arrays(folder / manifest.version / "weights.npz", sha256=manifest.sha256)
    return {name: np.asarray(array, np.float32) for name, array in stored.items()}


def load_familiarity(manifest: Manifest, *, folder: Path = WEIGHTS_FOLDER) -> Familiarity | None:
    """Read what tells a version's familiar pictures; None where nothing was fitted.

    Raises
    ------
    ModelError
        As `load_weights`.
    """
    record = manifest.familiarity
    if record is None:
        return None
    path = folder / manifest.version / "familiarity.npz"
    return Familiarity(**load_arrays(path, sha256=record["sha256"]), threshold=record["threshold"])


def save_familiarity(
    manifest: Manifest,
    fitted: Familiarity,
    *,
    held_out_refused: float,
    folder: Path = WEIGHTS_FOLDER,
) -> Manifest:
    """Put a fit beside the weights of a version that exists, and return its new manifest."""
    stored = _as_file(fitted.arrays)
    record = {
        "sha256": hashlib.sha256(stored).hexdigest(),
        "threshold": fitted.threshold,
        "held_out_refused": held_out_refused,
    }
    manifest = dataclasses.replace(manifest, familiarity=record)
    (folder / manifest.version / "familiarity.npz").write_bytes(stored)
    _write_manifest(manifest, folder)
    return manifest


def load_arrays(path: Path, *, sha256: str) -> dict[str, NDArray[Any]]:
    """Read named arrays from a file that must have this hash.

    Raises
    ------
    ModelError
        ``weights_missing``, ``hash_mismatch``, or ``unreadable_weights`` when the file holds
        anything but plain arrays.
    """
    name = path.parent.name
    if not path.is_file():
        raise ModelError(f"Model {name} has no weights file.", code="weights_missing")
    stored = path.read_bytes()
    found = hashlib.sha256(stored).hexdigest()
    if found != sha256:
        raise ModelError(
            f"The weights of {name} should have SHA-256 {sha256}, they have {found}.",
            code="hash_mismatch",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(stored)) as archive:
            return {
                entry.filename.removesuffix(".npy"): _plain_array(archive, entry)
                for entry in archive.infolist()
            }
    except (ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ModelError(
            f"The weights of {name} are not plain arrays: {error}.",
            code="unreadable_weights",
        ) from error


def _plain_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> NDArray[Any]:
    """Read one member as floating-point numbers, and nothing else that could stand in such a file.

    What is allocated is what the file holds, never what its header says.
    """
    if entry.file_size > LARGEST_ARRAY_BYTES:
        raise ValueError(f"{entry.filename} has {entry.file_size} bytes")
    with archive.open(entry) as member:
        if npy.read_magic(member) != (1, 0):
            raise ValueError(f"{entry.filename} is of another version")
        shape, by_column, dtype = npy.read_array_header_1_0(member)
        numbers = member.read()
    if dtype.kind != "f" or len(numbers) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{entry.filename} is {dtype} of {shape} in {len(numbers)} bytes")
    return np.frombuffer(numbers, dtype).reshape(shape, order="F" if by_column else "C")


def save_version(
    manifest: Manifest, weights: Weights, *, folder: Path = WEIGHTS_FOLDER
) -> Manifest:
    """Write a version and return its manifest with the SHA-256 of the weights filled in.

    A version that exists is replaced. The weights are written before the manifest, so that a
    half-written version has no manifest that vouches for it.
    """
    stored = _as_file(weights)
    manifest = dataclasses.replace(manifest, sha256=hashlib.sha256(stored).hexdigest())
    target = folder / manifest.version
    target.mkdir(parents=True, exist_ok=True)
    (target / "manifest.json").unlink(missing_ok=True)
    (target / "weights.npz").write_bytes(stored)
    _write_manifest(manifest, folder)
    return manifest


def _as_file(arrays: Weights) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _write_manifest(manifest: Manifest, folder: Path) -> None:
    text = json.dumps(dataclasses.asdict(manifest), indent=2)
    (folder / manifest.version / "manifest.json").write_text(text + "\n", encoding="utf-8")
