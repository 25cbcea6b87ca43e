"""Tiny pictures and a tiny network, so that nothing here needs research data."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from analysis.imaging.breast import PreparedBreast, prepare_breast
from ml_models.calibration import Calibration, Platt
from ml_models.dataset import Sample
from ml_models.registry import Manifest
from tests.phantoms import phantom


@pytest.fixture
def write_picture() -> Callable[..., Path]:
    def write(path: Path, *, seed: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (20, 12), dtype=np.uint8)
        cv2.imwrite(str(path), pixels)
        return path

    return write


@pytest.fixture
def samples() -> Sequence[Sample]:
    """Twelve women with two pictures each, three of every category from 2 to 5."""
    return [
        Sample(
            path=Path(f"{woman}-{view}.png"),
            name=f"set/{woman}-{view}.png",
            source="set",
            patient=f"set/{woman}",
            category=str(2 + woman % 4),
            laterality="L",
            view=view,
            exam="1",
            density=str(1 + woman % 2),
            device=None,
            spacing_mm=None,
            file_sha256=f"file-{woman}-{view}",
            pixel_sha256=f"pixels-{woman}-{view}",
        )
        for woman in range(12)
        for view in ("CC", "MLO")
    ]


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        version="tiny-1",
        state="active",
        architecture="efficientnet-lite0",
        sha256="",
        input_shape=(64, 32),
        preparation_version="prepare-1",
        classes=("2", "3", "4", "5"),
        evidence="Appearance.",
        calibration=Calibration(
            temperature=2.0,
            suspicious=Platt(slope=0.5, intercept=-1.0),
            set_thresholds=(0.1, 0.1, 0.1, 0.1),
        ),
        coverage=0.9,
        licence="Research use only.",
        seed=1,
        data={},
        metrics={},
    )


@pytest.fixture
def breast() -> PreparedBreast:
    film = phantom(7)
    return prepare_breast(
        film.pixels, spacing_mm=film.spacing_mm, laterality=film.laterality, view=film.view
    )
