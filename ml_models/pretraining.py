"""Teach the backbone's last blocks what lesions look like, before it sees a whole mammogram.

The blocks up to 1/16 resolution stay as ImageNet taught them, so their maps of all patches are
computed once and kept. Training writes its weights after every epoch and goes on from there; the
optimiser starts afresh each epoch, so that an interrupted training ends with the same weights as
an uninterrupted one.
"""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.architecture import (
    LESIONS,
    PATCH_CLASSES,
    Weights,
    build_patch_scorer,
    build_trunk,
    read_weights,
    write_weights,
)
from ml_models.backend import tensorflow
from ml_models.dataset import one_hot
from ml_models.lesions import PATCH_PX, Patches, make_patches, read_films, read_masses
from ml_models.metrics import auc
from ml_models.pretrained import IMAGENET_SHA256, imagenet_weights

FILMS, MASSES = "mini_mias", "cbis_mass_roi_256"
_STRIDE = 16
_HELD_OUT_SHARE = 8
_PREDICT_BATCH = 64
_WARM_UP_STEPS = 30


@dataclass(frozen=True)
class PatchSettings:
    """How the patch scorer is trained: epochs of so many patches, Adam, cosine learning rate."""

    epochs: int = 3
    patches_per_epoch: int = 5000
    batch_size: int = 32
    learning_rate: float = 4e-4
    weight_decay: float = 1e-3
    label_smoothing: float = 0.05


@dataclass(frozen=True)
class LesionTraining:
    """Weights of the end that lesions taught, and how well it tells patches apart.

    `epochs` has a row an epoch: AUC of lesion against normal tissue and of malignant against
    benign lesion, on patches of patients held out.
    """

    weights: Weights
    epochs: list[dict[str, float]]
    patches: int


def teach_lesions(data: Path, *, cache: Path, settings: PatchSettings, seed: int) -> LesionTraining:
    """Train on the films and masses under `data`, going on from what `cache` holds.

    Raises
    ------
    ModelError
        ``data_missing``.
    """
    cache.mkdir(parents=True, exist_ok=True)
    patches = _patches(data, cache, seed)
    key = _key(patches, settings, seed)
    maps_path = cache / f"lesion-maps-{_key(patches, None, seed)}.npy"
    held_out = _held_out(patches.patients, seed)
    weights: Weights = {LESIONS + name: array for name, array in imagenet_weights().items()}
    epochs: list[dict[str, float]] = []
    for epoch in range(settings.epochs):
        done = cache / f"lesions-{key}-{epoch + 1}.npz"
        if not done.is_file():
            print(f"Lesion patches, epoch {epoch + 1} of {settings.epochs}", file=sys.stderr)
            maps = _first_maps(patches, maps_path)
            weights, figures = _epoch(
                weights, maps, patches.labels, held_out, settings, epoch=epoch, seed=seed
            )
            np.savez(done, allow_pickle=False, figures=json.dumps(figures), **weights)
        with np.load(done, allow_pickle=False) as stored:
            weights = {name: stored[name] for name in stored.files if name != "figures"}
            epochs.append(json.loads(str(stored["figures"])))
    return LesionTraining(weights, epochs, len(patches.labels))


def held_out_patients(data: Path, *, cache: Path, seed: int) -> set[str]:
    """Whose tissue no training with this seed learns from."""
    patients = _patches(data, cache, seed).patients
    return set(patients[_held_out(patients, seed)].tolist())


def _patches(data: Path, cache: Path, seed: int) -> Patches:
    films, masses = read_films(data / FILMS), read_masses(data / MASSES)
    digest = hashlib.sha256(f"{PATCH_PX} {seed}".encode())
    for array in [f.image for f in films] + [m.image for m in masses]:
        digest.update(array.tobytes())
    path = cache / f"patches-{digest.hexdigest()[:16]}.npz"
    if not path.is_file():
        print("Cutting lesion patches ...", file=sys.stderr)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, allow_pickle=False, **vars(make_patches(films, masses, seed=seed)))
    with np.load(path, allow_pickle=False) as stored:
        return Patches(**{name: stored[name] for name in stored.files})


def _key(patches: Patches, settings: PatchSettings | None, seed: int) -> str:
    digest = hashlib.sha256(patches.pictures.tobytes() + patches.labels.tobytes())
    said = asdict(settings) if settings is not None else {}
    digest.update(f"{IMAGENET_SHA256} {sorted(said.items())} {seed}".encode())
    return digest.hexdigest()[:16]


def _first_maps(patches: Patches, path: Path) -> NDArray[np.float16]:
    """Maps of all patches at 1/16, from `path` if they are there."""
    from rich.console import Console
    from rich.progress import track

    if not path.is_file():
        tf = tensorflow()
        start = build_trunk((PATCH_PX, PATCH_PX))
        write_weights(start, imagenet_weights())
        forward = tf.function(
            lambda batch: start(batch, training=False),
            input_signature=[tf.TensorSpec((None, PATCH_PX, PATCH_PX, 1), tf.float32)],
            autograph=False,
        )
        batches = range(0, len(patches.pictures), _PREDICT_BATCH)
        maps = []
        for at in track(batches, description="Patches", console=Console(stderr=True)):
            batch = patches.pictures[at : at + _PREDICT_BATCH].astype(np.float32) / 255
            maps.append(np.asarray(forward(batch[..., None])).astype(np.float16))
        np.save(path, np.concatenate(maps), allow_pickle=False)
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _held_out(patients: NDArray[np.str_], seed: int) -> NDArray[np.bool_]:
    """Patches of every eighth patient, by chance: watched, not learnt from."""
    everyone = np.unique(patients)
    count = max(1, len(everyone) // _HELD_OUT_SHARE)
    chosen = np.random.default_rng(seed).permutation(everyone)[:count]
    return np.isin(patients, chosen)


def _epoch(
    weights: Weights,
    maps: NDArray[np.float16],
    labels: NDArray[np.int64],
    held_out: NDArray[np.bool_],
    settings: PatchSettings,
    *,
    epoch: int,
    seed: int,
) -> tuple[Weights, dict[str, float]]:
    tensorflow()
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed + epoch)
    rng = np.random.default_rng([seed, epoch])
    shape = (PATCH_PX // _STRIDE, PATCH_PX // _STRIDE)
    model = build_patch_scorer(shape)
    write_weights(model, read_weights(model) | weights)
    first, last = (_cosine(settings, (epoch + k) / settings.epochs) for k in (0, 1))
    steps = max(2, settings.patches_per_epoch // settings.batch_size)
    warm_up = min(_WARM_UP_STEPS, steps // 2)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=first,
        warmup_steps=warm_up,
        decay_steps=steps - warm_up,
        alpha=last / first,
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=settings.label_smoothing
        ),
    )
    learnt_from = np.flatnonzero(~held_out)
    count = min(settings.patches_per_epoch, len(learnt_from))
    drawn = np.sort(rng.choice(learnt_from, count, replace=False))
    batch = maps[drawn].astype(np.float32)
    for axis in (1, 2):
        mirrored = rng.random(count) < 0.5
        batch[mirrored] = np.flip(batch[mirrored], axis)
    targets = one_hot(labels[drawn], classes=len(PATCH_CLASSES))
    model.fit(batch, targets, batch_size=settings.batch_size, verbose=0)
    at = np.flatnonzero(held_out)
    logits = model.predict(maps[at].astype(np.float32), batch_size=_PREDICT_BATCH, verbose=0)
    return read_weights(model), _figures(logits, labels[at])


def _cosine(settings: PatchSettings, progress: float) -> float:
    """Learning rate at a share of the whole training."""
    return settings.learning_rate * (0.02 + 0.98 * (1 + np.cos(np.pi * progress)) / 2)


def _figures(logits: Any, labels: NDArray[np.int64]) -> dict[str, float]:
    lesion, ones = labels > 0, np.ones((1, len(labels)))
    best = logits[:, 1:].max(axis=1) - logits[:, 0]
    kind = logits[lesion, 2] - logits[lesion, 1]
    malignant = labels[lesion] == 2
    return {
        "auc_lesion": float(auc(positive=lesion, score=best, weights=ones)[0]),
        "auc_malignant": float(auc(positive=malignant, score=kind, weights=ones[:, lesion])[0]),
    }
