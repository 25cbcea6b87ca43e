"""``python -m benchmarks.heat_on_lesions``: does the evidence map point at marked lesions?

mini-MIAS marks lesions by a disc; INbreast and CDD-CESM, as they are at hand, mark none. The patch
scorer learnt from seven of eight of these women, so the figure that counts is that of the
others. Printed are the share of the map's heat inside the discs, what an even map over the breast
would put there, and how often the hottest place lies in a disc, with 95 % intervals that resample
women.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from analysis.imaging.breast import PreparedBreast, prepare_breast
from benchmarks.document import write_section
from benchmarks.statistics import by_patient
from ml_models.classifier import Classifier
from ml_models.config import DEFAULT_CONFIG, load_config
from ml_models.evaluate import DEFAULT_OUTPUT
from ml_models.lesions import Lesion, read_films
from ml_models.pretraining import FILMS, held_out_patients
from ml_models.readers import research_data_folder

CARD = Path(__file__).parents[1] / "docs" / "model-card.md"
SPACING_MM = 0.2


@dataclass(frozen=True)
class Pointed:
    """One film with lesions: heat in their discs, the discs' share of the breast, and a hit."""

    patient: str
    share: float
    even: float
    hit: bool


def disc_on_grid(lesion: Lesion, prepared: PreparedBreast) -> NDArray[np.bool_]:
    """The disc, drawn on the film, on the working grid."""
    drawn = np.zeros(prepared.source.shape, np.float32)
    centre = (round(lesion.x), round(lesion.y))
    cv2.circle(drawn, centre, max(1, round(lesion.radius)), color=1.0, thickness=-1)
    shown = drawn[prepared.box]
    if prepared.chest_wall == "right":
        shown = shown[:, ::-1]
    size = (prepared.image.shape[1], prepared.image.shape[0])
    shrunk = cv2.resize(np.ascontiguousarray(shown), size, interpolation=cv2.INTER_AREA)
    return (shrunk > 0.5) & prepared.mask


def pointed(films: Path, classifier: Classifier) -> list[Pointed]:
    """Ask for every film with a marked lesion; those without an answer are left out."""
    found = []
    marked = [film for film in read_films(films) if film.lesions]
    for film in track(marked, description=films.name, console=Console(stderr=True)):
        prepared = prepare_breast(film.image, spacing_mm=SPACING_MM, laterality=None, view="MLO")
        explained = classifier.explain(prepared)
        if explained.heat_map is None or not explained.heat_map.heat.any():
            continue
        heat = np.where(prepared.mask, explained.heat_map.heat, 0)
        discs = np.any([disc_on_grid(lesion, prepared) for lesion in film.lesions], axis=0)
        found.append(
            Pointed(
                film.patient,
                share=float(heat[discs].sum() / heat.sum()),
                even=float(discs.sum() / prepared.mask.sum()),
                hit=bool(discs.flat[int(heat.argmax())]),
            )
        )
    return found


def report(name: str, films: list[Pointed]) -> str:
    women = [film.patient for film in films]
    share, even, hit = (
        np.array([getattr(film, part) for film in films], float)
        for part in ("share", "even", "hit")
    )
    figures = (
        by_patient(lambda at, values=values: float(values[at].mean()), women, digits=3)
        for values in (share, even, hit)
    )
    gain = by_patient(lambda at: float(share[at].sum() / even[at].sum()), women)
    cells = "".join(f"{figure!s:>25}" for figure in (*figures, gain))
    return f"{name:<26}{len(films):>6}{len(set(women)):>7}{cells}"


def main() -> int:
    """Print the tables and write them to the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=research_data_folder())
    parser.add_argument("--cache", type=Path, default=DEFAULT_OUTPUT)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    text = heat_report(given.data, given.cache)
    print(text)
    write_section(CARD, "heat", text)
    return 0


def heat_report(data: Path, cache: Path) -> str:
    classifier = Classifier.load()
    unseen = held_out_patients(data, cache=cache, seed=load_config(DEFAULT_CONFIG).seed)
    films = pointed(data / FILMS, classifier)
    columns = ("heat in the discs", "of an even map", "hottest in a disc", "heat over even")
    lines = [
        f"{classifier.version}, {FILMS}, films with marked lesions and an answer",
        f"{'':<26}{'films':>6}{'women':>7}" + "".join(f"{name:>25}" for name in columns),
        report("lesions not learnt from", [f for f in films if f.patient in unseen]),
        report("lesions learnt from", [f for f in films if f.patient not in unseen]),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
