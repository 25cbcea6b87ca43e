"""How much two exams of an unchanged breast differ."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Severity:
    """Half widths of uniform distributions unless stated otherwise; lengths in mm.

    Attributes
    ----------
    rotation_deg, scale, stretch, shift_mm
        Of the affine part of the re-positioning; ``stretch`` is across against along.
    elastic_mm, elastic_length_mm
        Standard deviation (each axis) and smoothing length of the elastic part.
    slide_mm
        Opposite shift of the superposed layers.
    fine_exchange, middle_exchange
        Share of the texture finer than 3 mm and from 3 to 10 mm, as an amplitude, that is another
        woman's; the energy of each band is kept.
    density, gain, gamma
        Relative changes of density (smooth over the breast) and of exposure.
    noise
        Standard deviation in bright tissue.
    """

    rotation_deg: float
    scale: float
    stretch: float
    shift_mm: float
    elastic_mm: float
    elastic_length_mm: float
    slide_mm: float
    fine_exchange: float
    middle_exchange: float
    density: float
    gain: float
    gamma: float
    noise: float


SEVERITIES = {
    "mild": Severity(
        rotation_deg=2,
        scale=0.02,
        stretch=0.02,
        shift_mm=6,
        elastic_mm=2.0,
        elastic_length_mm=36,
        slide_mm=2.5,
        fine_exchange=0.75,
        middle_exchange=0.50,
        density=0.02,
        gain=0.06,
        gamma=0.10,
        noise=0.006,
    ),
    "moderate": Severity(
        rotation_deg=4,
        scale=0.04,
        stretch=0.03,
        shift_mm=8,
        elastic_mm=3.2,
        elastic_length_mm=28,
        slide_mm=4.5,
        fine_exchange=0.83,
        middle_exchange=0.65,
        density=0.04,
        gain=0.10,
        gamma=0.18,
        noise=0.010,
    ),
    "severe": Severity(
        rotation_deg=6,
        scale=0.06,
        stretch=0.05,
        shift_mm=12,
        elastic_mm=4.2,
        elastic_length_mm=26,
        slide_mm=6.0,
        fine_exchange=0.90,
        middle_exchange=0.80,
        density=0.06,
        gain=0.15,
        gamma=0.28,
        noise=0.016,
    ),
}
