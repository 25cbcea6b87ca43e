"""The evaluation as text, the way the model card shows it, and the curves as files."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.crossval import FEWEST_IN_A_SLICE, Scores
from ml_models.fitting import Curves
from ml_models.metrics import CALIBRATION_BINS, Figure

OVERALL_ROWS = (
    ("filed_accuracy", "accuracy, categories 2-6 as filed"),
    ("filed_balanced_accuracy", "balanced accuracy, 2-6 as filed"),
    ("filed_macro_f1", "macro-F1, 2-6 as filed"),
    ("accuracy", "accuracy, appearance 2-5"),
    ("balanced_accuracy", "balanced accuracy, appearance 2-5"),
    ("macro_f1", "macro-F1, appearance 2-5"),
    ("quadratic_kappa", "quadratic kappa, appearance 2-5"),
    ("auc_suspicious", "AUC, <=3 against >=4"),
    ("calibration_error", "calibration error of P(>=4)"),
    ("set_coverage", "prediction set holds the class"),
    ("set_size", "classes in the prediction set"),
    ("abstained", "abstained"),
)
_LABEL, _CELL, _NAME = 34, 23, 42


def format_scores(title: str, scores: Mapping[str, Scores]) -> str:
    """Lay out the figures of several models on the same images side by side."""
    first = next(iter(scores.values()))
    lines = [
        f"{title}: {first.images} images of {first.patients} patients.",
        "In brackets: 95 % interval, resampling patients.",
        "",
        " " * _LABEL + "".join(name.rjust(_CELL) for name in scores),
    ]
    for key, label in OVERALL_ROWS:
        cells = [str(s.overall[key]) if key in s.overall else "-" for s in scores.values()]
        lines.append(label.ljust(_LABEL) + "".join(cell.rjust(_CELL) for cell in cells))
    for name, model in scores.items():
        lines += ["", f"{name}, by appearance (6 counted as 5)"]
        header = ("precision", "recall", "F1")
        lines.append("class    n" + "".join(h.rjust(_CELL) for h in header) + "   answered 2/3/4/5")
        for row, (label, values) in enumerate(model.per_class.items()):
            cells = [str(values[key]) for key in ("precision", "recall", "f1")]
            answered = "/".join(str(count) for count in model.confusion[row])
            lines.append(
                f"{label:>5}{values['n']:>5}"
                + "".join(cell.rjust(_CELL) for cell in cells)
                + f"   {answered}"
            )
    return "\n".join(lines) + "\n"


_SHORT_ROWS = ("accuracy", "balanced_accuracy", "macro_f1", "quadratic_kappa", "auc_suspicious")


def _table(first: str, rows: Mapping[str, Scores | int]) -> list[str]:
    """A line a model or slice: n and five figures, or that there are not enough images."""
    names = dict(OVERALL_ROWS)
    header = [names[key].removesuffix(", appearance 2-5") for key in _SHORT_ROWS]
    lines = [first.ljust(_NAME) + "    n" + "".join(h.rjust(_CELL) for h in header)]
    for name, one in rows.items():
        if isinstance(one, int):
            lines.append(f"{name.ljust(_NAME)}{one:>5}  not enough")
            continue
        cells = "".join(str(one.overall[key]).rjust(_CELL) for key in _SHORT_ROWS)
        lines.append(f"{name.ljust(_NAME)}{one.images:>5}{cells}")
    return lines


def format_leak(scores: Mapping[str, Scores]) -> str:
    """The same networks on folds by patient and by image: what the leak pretends."""
    lines = [
        "The leak: the same networks, the same images, split two ways. By image, a woman's other",
        "pictures are learnt from; what the figures gain by that is not skill.",
        "",
    ]
    return "\n".join([*lines, *_table("network, split", scores)]) + "\n"


def format_slices(name: str, parts: Mapping[str, Mapping[str, Scores | int]]) -> str:
    """Figures of one model by density, view, device and source."""
    lines = [f"Slices of {name}, all sets together (fewer than {FEWEST_IN_A_SLICE}: not enough)."]
    for fact, rows in parts.items():
        lines += ["", *_table(fact, rows)]
    return "\n".join(lines) + "\n"


def format_ideas(scores: Mapping[str, Scores]) -> str:
    """What was tried, on the same folds."""
    lines = ["What was tried, on the sets that are learnt from, held-out patients.", ""]
    lines += _table("idea", scores)
    lines += ["", *_recalls(scores)]
    return "\n".join(lines) + "\n"


def _recalls(scores: Mapping[str, Scores]) -> list[str]:
    lines = ["recall".ljust(_NAME) + " " * 5 + "".join(c.rjust(_CELL) for c in "2345")]
    for name, one in scores.items():
        cells = "".join(str(row["recall"]).rjust(_CELL) for row in one.per_class.values())
        lines.append(f"{name.ljust(_NAME)}{one.images:>5}{cells}")
    return lines


def format_draws(name: str, scores: Mapping[str, Scores]) -> str:
    """One model on several draws of the folds, and the means over them."""
    overall = [[one.overall[key] for key in _SHORT_ROWS] for one in scores.values()]
    recalls = [[row["recall"] for row in one.per_class.values()] for one in scores.values()]
    lines = [f"{name} on {len(scores)} draws of the folds, and the mean of these.", ""]
    lines += [*_table("folds", scores), _means(overall), "", *_recalls(scores), _means(recalls)]
    return "\n".join(lines) + "\n"


def _means(rows: Sequence[Sequence[Figure]]) -> str:
    means = np.mean([[figure.value for figure in row] for row in rows], axis=0)
    return "mean".ljust(_NAME) + " " * 5 + "".join(f"{mean:.3f}".rjust(_CELL) for mean in means)


def draw_confusion(path: Path, scores: Scores) -> None:
    """Draw the confusion matrix of one model, rows the truth."""
    picture, axes = _figure()
    labels = list(scores.per_class)
    axes.imshow(scores.confusion / np.maximum(scores.confusion.sum(1, keepdims=True), 1), "Blues")
    for row, column in np.ndindex(scores.confusion.shape):
        axes.text(column, row, str(scores.confusion[row, column]), ha="center", va="center")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("answered")
    axes.set_ylabel("category of the record")
    picture.savefig(path, dpi=100)


def draw_reliability(
    path: Path, *, probability: NDArray[np.float64], positive: NDArray[np.bool_]
) -> None:
    """Draw how often category 4 or higher was true, by the probability that was given."""
    picture, axes = _figure()
    axes.plot([0, 1], [0, 1], ":", color="gray")
    bins = np.array_split(np.argsort(probability, kind="stable"), CALIBRATION_BINS)
    given = [probability[b].mean() for b in bins]
    axes.plot(given, [positive[b].mean() for b in bins], "o-")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability given", ylabel="share of 4 and higher")
    axes.set_title(f"{len(positive)} images, ten bins of equal count")
    picture.savefig(path, dpi=100)


def _figure() -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(4.5, 4.5), layout="constrained")
    FigureCanvasAgg(picture)
    return picture, picture.subplots()


def write_curves(folder: Path, name: str, curves: Sequence[Curves]) -> None:
    """Write the training and validation curves of one model, a line a fold.

    ``curves-<name>.csv`` has a row for each fold and step; ``curves-<name>.png`` draws each
    figure on training data (dashed) beside the same figure on held-out patients (solid).
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(curves[0])
    with (folder / f"curves-{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["fold", "step", *columns])
        for fold, curve in enumerate(curves, start=1):
            for step, values in enumerate(zip(*curve.values(), strict=True), start=1):
                writer.writerow([fold, step, *(f"{value:.6g}" for value in values)])
    _draw(folder / f"curves-{name}.png", curves)


def _draw(path: Path, curves: Sequence[Curves]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [name for name in curves[0] if name.startswith("val_")]
    picture = Figure(figsize=(5 * len(shown), 4), layout="constrained")
    FigureCanvasAgg(picture)
    for axes, name in zip(np.atleast_1d(picture.subplots(1, len(shown))), shown, strict=True):
        for fold, curve in enumerate(curves):
            steps = range(1, len(curve[name]) + 1)
            if (trained := curve.get(name.removeprefix("val_"))) is not None:
                axes.plot(steps, trained, "--", color=f"C{fold}")
            axes.plot(steps, curve[name], color=f"C{fold}", label=f"fold {fold + 1}")
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{name.removeprefix('val_')} (dashed: training)")
        axes.legend()
    picture.savefig(path, dpi=100)
