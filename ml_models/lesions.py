"""Lesion patches: what a lesion looks like, learnt before and apart from any BI-RADS category.

Lesions come from two sets of films. Mini-MIAS marks lesions on whole films; CBIS-DDSM gives masses
cut out, with masks, their true scale lost. The masses are shown as they are and pasted into
mini-MIAS tissue; normal tissue is pasted through the same masks, so that neither the seam nor the
film tells the classes apart.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.imaging.decode import load_pixels
from analysis.imaging.segmentation import segment_breast, shrink_to_grid
from ml_models.errors import ModelError

Floats = NDArray[np.float32]

PATCH_PX = 192
"""About 35 mm at the resolution at which mammograms are classified."""
PASTES_OF_A_MASS, VIEWS_OF_A_LESION, NORMAL, NORMAL_PASTED = 3, 8, 3000, 1500
_MASS_PX = (60, 180)
_ZOOM = (0.7, 1.4)
_TURN_DEGREES = 30.0
_BREAST_SHARE = 0.6
_UNMARKED_RADIUS_PX = 30.0


@dataclass(frozen=True)
class Lesion:
    """A marked lesion: centre and radius in pixels of its film."""

    x: float
    y: float
    radius: float
    malignant: bool


@dataclass(frozen=True, eq=False)
class Film:
    """A film with background 0, where its breast is, and its lesions."""

    patient: str
    image: Floats
    breast: NDArray[np.bool_]
    lesions: tuple[Lesion, ...]


@dataclass(frozen=True, eq=False)
class Mass:
    """A mass cut out of a film, and which of its pixels are the mass."""

    patient: str
    image: Floats
    mask: Floats
    malignant: bool


@dataclass(frozen=True)
class Patches:
    """Pictures (n, 192, 192) uint8, their class indices (n,), and whose tissue each shows (n,)."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    patients: NDArray[np.str_]


def read_films(folder: Path) -> list[Film]:
    """Read mini-MIAS: ``labels.csv`` with file, patient_id, pathology, lesion_x, _y and _r.

    Raises
    ------
    ModelError
        ``data_missing``.
    """
    marks: dict[str, list[dict[str, str]]] = {}
    for row in _rows(folder):
        marks.setdefault(row["file"], []).append(row)
    films = []
    for file, rows in sorted(marks.items()):
        image = load_pixels(folder / file)
        found = segment_breast(shrink_to_grid(image)).astype(np.uint8)
        size = (image.shape[1], image.shape[0])
        breast = cv2.resize(found, size, interpolation=cv2.INTER_NEAREST) > 0
        lesions = tuple(
            Lesion(
                x=float(row["lesion_x"]),
                y=float(row["lesion_y"]),
                radius=float(row["lesion_r"] or _UNMARKED_RADIUS_PX),
                malignant=row["pathology"] == "malignant",
            )
            for row in rows
            if row["lesion_x"]
        )
        patient = f"{folder.name}/{rows[0]['patient_id']}"
        films.append(Film(patient, np.where(breast, image, np.float32(0)), breast, lesions))
    return films


def read_masses(folder: Path) -> list[Mass]:
    """Read CBIS-DDSM mass crops: ``labels.csv`` with file, mask, patient_id and pathology.

    Raises
    ------
    ModelError
        ``data_missing``.
    """
    return [
        Mass(
            patient=f"{folder.name}/{row['patient_id']}",
            image=load_pixels(folder / row["file"]),
            mask=(load_pixels(folder / row["mask"]) > 0).astype(np.float32),
            malignant=row["pathology"].startswith("MALIGNANT"),
        )
        for row in _rows(folder)
    ]


def make_patches(films: Sequence[Film], masses: Sequence[Mass], *, seed: int) -> Patches:
    """Cut and paste patches of all classes; same seed, same patches."""
    maker = _Maker(films, masses, np.random.default_rng(seed))
    for mass in masses:
        for _ in range(PASTES_OF_A_MASS):
            maker.add_pasted_mass(mass)
        maker.add_mass(mass)
    for film in films:
        for lesion in film.lesions:
            for _ in range(VIEWS_OF_A_LESION):
                maker.add_lesion(film, lesion)
    for _ in range(NORMAL):
        maker.add_normal()
    for _ in range(NORMAL_PASTED):
        maker.add_pasted_normal()
    return Patches(np.array(maker.pictures), np.array(maker.labels), np.array(maker.patients))


class _Maker:
    def __init__(
        self, films: Sequence[Film], masses: Sequence[Mass], rng: np.random.Generator
    ) -> None:
        self._films, self._masses, self._rng = films, masses, rng
        self.pictures: list[NDArray[np.uint8]] = []
        self.labels: list[int] = []
        self.patients: list[str] = []

    def add_pasted_mass(self, mass: Mass) -> None:
        tissue, _ = self._normal()
        image, mask = mass.image, mass.mask
        for axes in ((0,), (1,)):
            if self._coin():
                image, mask = np.flip(image, axes), np.flip(mask, axes)
        if self._coin():
            image, mask = image.T, mask.T
        side = self._mass_side()
        self._add(
            self._paste(tissue, _square(image, side), _square(mask, side)),
            malignant=mass.malignant,
            patient=mass.patient,
        )

    def add_mass(self, mass: Mass) -> None:
        image = mass.image[:, ::-1] if self._coin() else mass.image
        self._add(_square(image, PATCH_PX), malignant=mass.malignant, patient=mass.patient)

    def add_lesion(self, film: Film, lesion: Lesion) -> None:
        fits = lesion.radius * 1.4 < PATCH_PX / 2
        zoom = self._between(*_ZOOM) if fits else PATCH_PX / (2.6 * lesion.radius)
        jitter = 0.3 * min(lesion.radius, 60.0) * self._rng.uniform(-1, 1, 2)
        patch = self._cut(film, lesion.x + jitter[0], lesion.y + jitter[1], zoom)
        self._add(patch, malignant=lesion.malignant, patient=film.patient)

    def add_normal(self) -> None:
        patch, film = self._normal()
        self._add(patch, malignant=None, patient=film.patient)

    def add_pasted_normal(self) -> None:
        tissue, film = self._normal()
        donor, _ = self._normal()
        mask = self._masses[int(self._rng.integers(len(self._masses)))].mask
        side = self._mass_side()
        patch = self._paste(tissue, _square(donor, side), _square(mask, side))
        self._add(patch, malignant=None, patient=film.patient)

    def _add(self, patch: Floats, *, malignant: bool | None, patient: str) -> None:
        varied = patch ** np.exp(self._rng.uniform(-0.3, 0.3)) * self._rng.uniform(0.8, 1.15)
        self.pictures.append((np.clip(varied, 0, 1) * 255).round().astype(np.uint8))
        self.labels.append(0 if malignant is None else 1 + int(malignant))
        self.patients.append(patient)

    def _normal(self) -> tuple[Floats, Film]:
        """Tissue clear of every lesion and mostly breast, and the film it is from."""
        while True:
            film = self._films[int(self._rng.integers(len(self._films)))]
            inside = np.flatnonzero(film.breast)
            y, x = np.divmod(inside[self._rng.integers(len(inside))], film.breast.shape[1])
            zoom = self._between(*_ZOOM)
            reach = 0.8 * PATCH_PX / zoom
            if any(np.hypot(x - e.x, y - e.y) < e.radius + reach for e in film.lesions):
                continue
            patch = self._cut(film, float(x), float(y), zoom)
            if (patch > 0).mean() >= _BREAST_SHARE:
                return patch, film

    def _cut(self, film: Film, x: float, y: float, zoom: float) -> Floats:
        turn = self._rng.uniform(-_TURN_DEGREES, _TURN_DEGREES)
        to_patch = cv2.getRotationMatrix2D((x, y), turn, zoom)
        to_patch[0, 2] += PATCH_PX / 2 - x
        to_patch[1, 2] += PATCH_PX / 2 - y
        patch = cv2.warpAffine(
            film.image, to_patch, (PATCH_PX, PATCH_PX), flags=cv2.INTER_LINEAR, borderValue=0
        )
        return np.ascontiguousarray(patch[:, ::-1] if self._coin() else patch)

    def _paste(self, tissue: Floats, donor: Floats, mask: Floats) -> Floats:
        """Lay a donor's pattern on the tissue's own brightness, with a soft seam."""
        side = len(donor)
        shift = self._rng.integers(-20, 21, 2)
        top, left = np.clip((PATCH_PX - side) // 2 + shift, 0, PATCH_PX - side)
        at = np.s_[top : top + side, left : left + side]
        soft = cv2.GaussianBlur(mask, (0, 0), max(1.5, 0.04 * side)) * self._rng.uniform(0.8, 1)
        under = tissue[at]
        around = donor[mask < 0.5]
        ground = around.mean() if around.size else donor.mean()
        pattern = under.mean() + (donor - ground) * self._rng.uniform(0.8, 1.3)
        over = pattern + 0.35 * (under - under.mean())
        pasted = tissue.copy()
        pasted[at] = np.clip((1 - soft) * under + soft * over, 0, 1) * (under > 0)
        return pasted

    def _mass_side(self) -> int:
        return int(self._between(*_MASS_PX))

    def _between(self, low: float, high: float) -> float:
        return float(np.exp(self._rng.uniform(np.log(low), np.log(high))))

    def _coin(self) -> bool:
        return bool(self._rng.random() < 0.5)


def _square(image: NDArray[Any], side: int) -> Floats:
    how = cv2.INTER_AREA if side < image.shape[0] else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(image), (side, side), interpolation=how)
    return np.asarray(resized, np.float32)


def _rows(folder: Path) -> list[dict[str, str]]:
    table = folder / "labels.csv"
    if not table.is_file():
        raise ModelError(f"Expected labels.csv in {folder.name}.", code="data_missing")
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
