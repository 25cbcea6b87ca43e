"""Pictures of docs/comparison.md: ROC curves, the noise floor at a mark, example comparisons.

The examples are simulated follow-ups of a film of CDD-CESM that the demonstration carries (CC BY
4.0, see analysis/demo/pictures); no film of another collection is ever drawn.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from analysis.imaging import marked_change
from analysis.imaging.breast import prepare_breast
from analysis.imaging.comparison import compare_breasts
from analysis.imaging.decode import load_pixels
from analysis.imaging.figure import comparison_figure
from analysis.imaging.film_display import encode_png
from analysis.imaging.mark import Mark
from benchmarks.simulation_report import Case, Women, marked_probability
from benchmarks.simulator import BaselineFilm, baseline_film, simulate_pair

EXAMPLE_FILMS = Path(__file__).resolve().parents[1] / "analysis" / "demo" / "pictures"
EXAMPLE_FILM, OTHER_WOMAN = "cdd107-L-CC.png", "cdd275-R-CC.png"
EXAMPLES = {"stable": 5, "shrunk": 5, "grown": 5}
"""Scenario and seed."""
WIDTH_PX = 800
MANNERS = {
    -1: ("smaller or gone", "#2b6cb0"),
    0: ("re-positioned only", "#8a8a8a"),
    1: ("grown", "#c05621"),
}
NOISE_BINS = np.arange(-9, 9.5, 0.5)

Score = tuple[str, Callable[[Case], float], Callable[[Women], list[Case]]]
SCORES: tuple[Score, ...] = (
    ("published 150 x 150", lambda case: -case.pair.paper, lambda women: women.cases),
    ("registered-ssim-1", lambda case: -case.pair.first_headline, lambda women: women.cases),
    (
        "registered-change-2, no mark",
        lambda case: case.whole.probability,
        lambda women: women.cases,
    ),
    ("registered-change-2, marked", marked_probability, lambda women: women.marked),
)


def draw_pictures(folder: Path, women: list[Women]) -> str:
    """Write every picture and return the Markdown that shows them, for a document beside."""
    folder.mkdir(exist_ok=True)
    mpl.rcParams.update({"svg.hashsalt": "comparison", "svg.fonttype": "none", "font.size": 9})
    _side_by_side(folder / "roc.svg", women, _roc)
    _side_by_side(folder / "noise-floor.svg", women, _noise_floor)
    for scenario, seed in EXAMPLES.items():
        (folder / f"example-{scenario}.png").write_bytes(_example(scenario, seed))
    shown = {
        "roc.svg": "ROC curves of the published score and ours",
        "noise-floor.svg": "Density lost or gained at a mark: re-positioned only, and changed",
        **{
            f"example-{scenario}.png": f"Simulated pair of moderate severity: {scenario}"
            for scenario in EXAMPLES
        },
    }
    return "\n".join(f"![{text}]({folder.name}/{name})" for name, text in shown.items())


def _side_by_side(path: Path, women: list[Women], draw: Callable[[Axes, Women], None]) -> None:
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, each in zip(figure.subplots(1, len(women)), women, strict=True):
        draw(axes, each)
        axes.set_title(each.title)
    figure.savefig(path, metadata={"Date": None})


def _roc(axes: Axes, women: Women) -> None:
    for name, score, chosen in SCORES:
        cases = chosen(women)
        wrong, right, _ = roc_curve([c.changed for c in cases], [score(c) for c in cases])
        axes.plot(wrong, right, label=name, linewidth=1.2)
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
    axes.set(xlabel="unchanged pairs above the limit", ylabel="changed pairs above the limit")
    axes.set_aspect("equal")
    axes.legend(frameon=False, loc="lower right", fontsize=7)


def _noise_floor(axes: Axes, women: Women) -> None:
    """Density in the body of a marked mass, in deviations of the same breast elsewhere."""
    column = marked_change.FEATURES.index("body_z")
    for direction, (name, colour) in MANNERS.items():
        compressed = [
            case.pair.marked[0, column]
            for case in women.marked
            if case.pair.marked is not None and case.pair.direction == direction
        ]
        deviations = 2 * np.sinh(compressed)
        label = f"{name}, n {len(compressed)}"
        axes.hist(
            np.clip(deviations, NOISE_BINS[0], NOISE_BINS[-1]),
            NOISE_BINS,
            density=True,
            alpha=0.6,
            color=colour,
            label=label,
        )
    axes.set(
        xlabel="density lost or gained at the mark, robust SD of this breast",
        ylabel="density of pairs",
    )
    axes.legend(frameon=False, fontsize=7)


def _example(scenario: str, seed: int) -> bytes:
    """Compare a simulated pair, with the mark that a reader would set."""
    first, second = (_film(EXAMPLE_FILMS / name) for name in (EXAMPLE_FILM, OTHER_WOMAN))
    pair = simulate_pair(first, other=second, scenario=scenario, severity="moderate", seed=seed)
    prior, current = (
        prepare_breast(film, spacing_mm=pair.spacing_mm, laterality="L", view="CC")
        for film in (pair.prior, pair.current)
    )
    x, y = pair.centre
    change = compare_breasts(
        prior=prior, current=current, lesion=Mark(x, y, pair.prior_mm / 2 / pair.spacing_mm)
    )
    return _smaller(comparison_figure(prior=prior, current=current, change=change))


def _film(path: Path) -> BaselineFilm:
    breast = prepare_breast(load_pixels(path), spacing_mm=None, laterality=None, view="CC")
    return baseline_film(breast, patient=path.stem)


def _smaller(png: bytes) -> bytes:
    picture: NDArray[np.uint8] = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    scale = WIDTH_PX / picture.shape[1]
    smaller = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return encode_png(np.asarray(smaller, np.uint8))
