"""``python -m benchmarks.assessability``: what is refused as no mammogram, and what should not be.

Every picture takes the way of an upload: quality gates, then the network and its distance in
feature space. Prints the reasons for each picture that is no mammogram, and the share of real
mammograms refused by set with its 95 % interval (Wilson). mini-MIAS took no part in training the
classifier; of the others the held-out share stands in the manifest.

To refuse a picture is one thing, to leave it open another: the share of prediction sets that rule
nothing out stands beside it, and for held-out patients in the card.
"""

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

import cv2
from rich.console import Console
from rich.progress import track

from analysis.imaging.breast import prepare_breast
from analysis.imaging.decode import load_pixels
from benchmarks.document import write_section
from benchmarks.non_mammograms import PICTURES
from ml_models.classifier import Classifier
from ml_models.readers import research_data_folder
from ml_models.registry import active_manifest

CARD = Path(__file__).parents[1] / "docs" / "model-card.md"
TAKEN = "TAKEN FOR A MAMMOGRAM"
SETS = ("inbreast", "cdd_cesm", "mini_mias")
Z = 1.959964


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    share, squared = hits / n, Z * Z
    centre = (share + squared / (2 * n)) / (1 + squared / n)
    half = Z / (1 + squared / n) * sqrt(share * (1 - share) / n + squared / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass
class Judged:
    """What became of the mammograms of one set."""

    n: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    left_open: int = 0
    flagged: int = 0


def judged_mammograms(classifier: Classifier, folder: Path) -> Judged:
    """Count what is refused and why, what is left open, and maps that are flagged."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    judged = Judged(len(rows))
    for row in track(rows.values(), description=folder.name, console=Console(stderr=True)):
        spacing = row.get("mm_per_px_here")
        prepared = prepare_breast(
            load_pixels(folder / row["file"]),
            spacing_mm=float(spacing) if spacing else None,
            laterality=row["laterality"] or None,
            view=row["view"] or None,
        )
        found = classifier.explain(prepared)
        answer = found.classification
        if not answer.assessable:
            judged.refused[", ".join(answer.reasons)] += 1
            continue
        judged.left_open += answer.abstained
        judged.flagged += found.heat_map is not None and not found.heat_map.plausible
    return judged


def report(classifier: Classifier, data: Path) -> Iterator[str]:
    """Lines, as they are measured: the pictures that are no mammogram, then the sets."""
    yield f"{classifier.version}, familiarity {active_manifest().familiarity}\n"
    taken = 0
    for name, draw in PICTURES.items():
        prepared = prepare_breast(draw(), spacing_mm=None, laterality=None, view=None)
        answer = classifier.classify(prepared)
        taken += answer.assessable
        yield f"{name:22} {', '.join(answer.reasons) or TAKEN}"
    low, high = wilson(len(PICTURES) - taken, len(PICTURES))
    yield f"refused {len(PICTURES) - taken} of {len(PICTURES)} [{low:.3f}, {high:.3f}]\n"
    for name in SETS:
        if not (data / name / "labels.csv").is_file():
            continue
        judged = judged_mammograms(classifier, data / name)
        refused = judged.refused.total()
        low, high = wilson(refused, judged.n)
        yield (
            f"{name}: refused {refused} of {judged.n} mammograms, {refused / judged.n:.4f} "
            f"[{low:.4f}, {high:.4f}] {dict(judged.refused) or ''}\n"
            f"    of the other {judged.n - refused}: prediction set rules nothing out "
            f"{judged.left_open}, map flagged for heat beside the breast {judged.flagged}"
        )


def main() -> int:
    """Print both figures and write them to the card; 1 when one is taken for a mammogram."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=research_data_folder())
    given = parser.parse_args()
    cv2.setNumThreads(1)
    lines = []
    for line in report(Classifier.load(), given.data):
        print(line, flush=True)
        lines.append(line)
    write_section(CARD, "refused", "\n".join(lines))
    return int(any(TAKEN in line for line in lines))


if __name__ == "__main__":
    sys.exit(main())
