"""Places that may have gained or lost a mass, without a mark: for attention, never a verdict.

A blob filter on the signed difference finds candidates of several sizes; each is described by how
far it stands out of the same breast, whether the film that should show a mass has one there, and
how alike the surroundings are otherwise.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.breast import WORKING_SPACING_MM
from analysis.imaging.difference import Difference
from analysis.imaging.lesion import measure_lesion
from analysis.imaging.mark import Mark
from analysis.imaging.masked import MaskedBlur, correlation
from analysis.imaging.noise_floor import robust_z
from analysis.imaging.registered_pair import HALF, RegisteredPair, halved, halved_mask

FEATURES = (
    "log_blob_z",
    "mass_on_its_film",
    "mass_on_the_other",
    "coarse_structure",
    "fine_structure",
    "edge",
    "contrast",
    "log_diameter",
    "scale",
    "gain",
    "mass_if_gain",
    "log_amplitude",
    "log_floor",
    "registration",
)

SPACING_MM = WORKING_SPACING_MM * HALF
DIAMETERS_MM = (10.0, 16.0, 24.0)
DIAMETER_TO_SIGMA = 2.8
SURROUND = 2.2
"""Width of the surround of the blob filter, in widths of its centre."""
SMALLEST_Z = 1.5
PER_SCALE = 8
MOST_CANDIDATES = 14
FINE_MM, COARSE_MM = 1.5, 3.0
STRUCTURE_REACH = 1.5
STRUCTURE_RANGE = (-0.95, 0.98)

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place that may have gained or lost a mass.

    Attributes
    ----------
    mark : Mark
        On the working grid of the current film.
    gain : bool
        True for more density, False for less.
    z : float
        Blob response in robust standard deviations over this breast; positive.
    features : (features,) float ndarray
        In the order of ``FEATURES``.
    """

    mark: Mark
    gain: bool
    z: float
    features: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Blob:
    row: int
    col: int
    diameter_mm: float
    z: float
    amplitude: float
    floor: float
    current_mass: float
    prior_mass: float


def find_candidates(pair: RegisteredPair, difference: Difference) -> list[Candidate]:
    """Find and describe the strongest gains and losses, strongest first."""
    inside, assessed = halved_mask(pair.mask), halved_mask(difference.assessed)
    inside |= assessed
    current, prior = halved(pair.frame.current), halved(pair.matched_prior)
    blobs = [
        blob
        for diameter_mm in DIAMETERS_MM
        for blob in _blobs(
            halved(difference.signed),
            current,
            prior,
            inside=inside,
            assessed=assessed,
            diameter_mm=diameter_mm,
        )
    ]
    blobs.sort(key=lambda each: -abs(each.z))
    smooth = {}
    for scale in (FINE_MM, COARSE_MM):
        average = MaskedBlur[np.float32](inside, sigma_px=scale / SPACING_MM)
        smooth[scale] = [average(image) for image in (current, prior)]
    return [_described(pair, difference, blob, smooth, inside) for blob in blobs[:MOST_CANDIDATES]]


def _blobs(
    signed: Image,
    current: Image,
    prior: Image,
    *,
    inside: Mask,
    assessed: Mask,
    diameter_mm: float,
) -> list[_Blob]:
    sigma_px = diameter_mm / DIAMETER_TO_SIGMA / SPACING_MM

    centre = MaskedBlur[np.float32](inside, sigma_px=sigma_px)
    surround = MaskedBlur[np.float32](inside, sigma_px=SURROUND * sigma_px)

    def filtered(image: Image) -> Image:
        return centre(image) - surround(image)

    response = filtered(signed)
    z = robust_z(response, assessed)
    masses = [filtered(image) for image in (current, prior)]
    tissue = _spread(masses[1], assessed)
    floor = _spread(response, assessed)
    size = 2 * int(diameter_mm / SPACING_MM / 2) + 1
    height = np.where(assessed, np.abs(z), np.float32(0))
    peaks = (height >= cv2.dilate(height, np.ones((size, size), np.uint8))) & (height > SMALLEST_Z)
    rows, cols = np.nonzero(peaks)
    strongest = np.argsort(-height[rows, cols])[:PER_SCALE]
    return [
        _Blob(
            row=int(row),
            col=int(col),
            diameter_mm=diameter_mm,
            z=float(z[row, col]),
            amplitude=float(np.abs(response[row, col])),
            floor=floor,
            current_mass=float(masses[0][row, col]) / tissue,
            prior_mass=float(masses[1][row, col]) / tissue,
        )
        for row, col in zip(rows[strongest], cols[strongest], strict=True)
    ]


def _spread(image: Image, assessed: Mask) -> float:
    values = image[assessed]
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) + 1e-4


def _described(
    pair: RegisteredPair,
    difference: Difference,
    blob: _Blob,
    smooth: dict[float, list[Image]],
    inside: Mask,
) -> Candidate:
    gain = blob.z > 0
    radius = blob.diameter_mm / 2 / WORKING_SPACING_MM
    mark = Mark(blob.col, blob.row, radius / HALF).scaled(HALF)
    frame = pair.frame
    if gain:
        lesion = measure_lesion(frame.current, frame.current_mask, mark)
    else:
        lesion = measure_lesion(frame.prior, frame.prior_mask, pair.to_prior(mark))
    own, other = blob.current_mass, blob.prior_mass
    if not gain:
        own, other = other, own
    near = Mark(blob.col, blob.row, STRUCTURE_REACH * radius / HALF).covers(inside.shape) & inside

    def structure(scale: float) -> float:
        current, prior = smooth[scale]
        return float(np.arctanh(np.clip(correlation(current, prior, near), *STRUCTURE_RANGE)))

    sign = 1.0 if gain else -1.0
    features = {
        "log_blob_z": np.log(abs(blob.z)),
        "mass_on_its_film": np.arcsinh(own),
        "mass_on_the_other": np.arcsinh(other),
        "coarse_structure": structure(COARSE_MM),
        "fine_structure": structure(FINE_MM),
        "edge": np.arcsinh(lesion.edge / difference.noise),
        "contrast": np.arcsinh(lesion.contrast / difference.noise),
        "log_diameter": np.log(lesion.diameter_mm + 3),
        "scale": blob.diameter_mm / 10,
        "gain": sign,
        "mass_if_gain": sign * np.arcsinh(own),
        "log_amplitude": np.log(blob.amplitude + 0.003),
        "log_floor": np.log(blob.floor),
        "registration": np.arctanh(min(pair.registration.quality.correlation, 0.99)),
    }
    return Candidate(
        mark=mark,
        gain=gain,
        z=abs(blob.z),
        features=np.array([features[name] for name in FEATURES], np.float64),
    )
