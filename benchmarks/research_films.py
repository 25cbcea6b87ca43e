"""Real films for measurements, read in place from the research data folder; never copied."""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.imaging.breast import PreparedBreast, prepare_breast
from analysis.imaging.decode import load_pixels

DEFAULT_FOLDER = Path(__file__).resolve().parents[1] / "../shared/data"
COLLECTIONS = ("inbreast", "cdd_cesm", "mini_mias")
VIEW_OF_COLLECTION = {"inbreast": None, "cdd_cesm": "CC", "mini_mias": "MLO"}
"""Where the table names no view, all films of the collection are of this one."""

SPACING_OF_COLLECTION_MM = {"mini_mias": 0.2}
"""Where the table names no scale, but the collection's description does."""


@dataclass(frozen=True)
class FollowUpPair:
    """Two films of one breast and view from two exams, and whether BI-RADS changed."""

    patient: str
    changed: bool
    prior: PreparedBreast
    current: PreparedBreast


def research_data() -> Path:
    """Return the folder of research images (``MAMMOTRACK_RESEARCH_DATA``)."""
    return Path(os.environ.get("MAMMOTRACK_RESEARCH_DATA", DEFAULT_FOLDER))


def follow_up_pairs() -> Iterator[FollowUpPair]:
    """Read INbreast's pairs from different exams; repeats within one exam are left out."""
    folder = research_data() / "inbreast"
    for row in _rows(folder / "longitudinal_pairs.csv"):
        if row["kind"] == "follow_up":
            prior, current = (
                prepare_breast(
                    load_pixels(folder / row[f"{which}_file"]),
                    spacing_mm=float(row[f"{which}_mm_per_px"]),
                    laterality=row["laterality"],
                    view=row["view"],
                )
                for which in ("prior", "current")
            )
            yield FollowUpPair(row["patient_id"], row["birads_changed"] == "1", prior, current)


def films(collection: str) -> Iterator[tuple[PreparedBreast, float | None]]:
    """Read every film of a collection with its spacing in mm, if known."""
    folder = research_data() / collection
    for row in _rows(folder / "labels.csv"):
        if (folder / row["file"]).exists():
            spacing = row.get("mm_per_px_here")
            spacing_mm = float(spacing) if spacing else None
            yield (
                prepare_breast(
                    load_pixels(folder / row["file"]),
                    spacing_mm=spacing_mm,
                    laterality=row["laterality"],
                    view=row["view"] or VIEW_OF_COLLECTION[collection],
                ),
                spacing_mm,
            )


def outlines(collection: str) -> Iterator[tuple[str, str, PreparedBreast]]:
    """Read every assessable film of a collection as if its view and spacing were unknown.

    Yields the patient, the view on record and the film.
    """
    folder = research_data() / collection
    for row in _rows(folder / "labels.csv"):
        film = prepare_breast(
            load_pixels(folder / row["file"]),
            spacing_mm=None,
            laterality=row["laterality"],
            view=None,
        )
        view = row["view"] or VIEW_OF_COLLECTION[collection]
        if film.assessable and view:
            yield row["patient_id"], view, film


def films_without_a_mass() -> Iterator[tuple[str, PreparedBreast]]:
    """Read INbreast's films of women without a follow-up pair that record no mass or distortion.

    Yields the patient and the film; the women of the follow-up pairs stay apart.
    """
    folder = research_data() / "inbreast"
    apart = {row["patient_id"] for row in _rows(folder / "longitudinal_pairs.csv")}
    for row in _rows(folder / "labels.csv"):
        findings = (row["mass"], row["distortion"], row["asymmetry"])
        if row["patient_id"] not in apart and findings == ("0", "0", "0") and row["mm_per_px_here"]:
            yield (
                row["patient_id"],
                prepare_breast(
                    load_pixels(folder / row["file"]),
                    spacing_mm=float(row["mm_per_px_here"]),
                    laterality=row["laterality"],
                    view=row["view"],
                ),
            )


def films_without_finding(collection: str) -> Iterator[tuple[str, PreparedBreast]]:
    """Read mini-MIAS's or CDD-CESM's films that are recorded as normal.

    Yields the patient and the film. CDD-CESM states no scale: its breasts are prepared 450 px high,
    so its millimetres are nominal.
    """
    folder = research_data() / collection
    for row in _rows(folder / "labels.csv"):
        normal = row["pathology"] == "normal" and row["birads"] in ("", "1")
        if normal and (folder / row["file"]).exists():
            yield (
                row["patient_id"],
                prepare_breast(
                    load_pixels(folder / row["file"]),
                    spacing_mm=SPACING_OF_COLLECTION_MM.get(collection),
                    laterality=row["laterality"],
                    view=row["view"] or VIEW_OF_COLLECTION[collection],
                ),
            )


def _rows(table: Path) -> Iterator[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)
