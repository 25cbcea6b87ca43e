"""The evaluation as text, the way the model card shows it, and the curves as files."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ml_models.crossval import Scores
from ml_models.fitting import Curves

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
_LABEL, _CELL = 34, 23


def format_scores(title: str, scores: Mapping[str, Scores]) -> str:
    """Lay out the figures of several models on the same images side by side."""
    first = next(iter(scores.values()))
    lines = [
        f"{title}: {first.images} images of {first.patients} patients, held-out patients only.",
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

    shown = [name for name in curves[0] if f"val_{name}" in curves[0]]
    picture = Figure(figsize=(5 * len(shown), 4), layout="constrained")
    FigureCanvasAgg(picture)
    for axes, name in zip(np.atleast_1d(picture.subplots(1, len(shown))), shown, strict=True):
        for fold, curve in enumerate(curves):
            strength = curve.get("inverse_strength")
            steps = strength or list(range(1, len(curve[name]) + 1))
            axes.plot(steps, curve[name], "--", color=f"C{fold}")
            axes.plot(steps, curve[f"val_{name}"], color=f"C{fold}", label=f"fold {fold + 1}")
        if "inverse_strength" in curves[0]:
            axes.set_xscale("log")
        axes.set_xlabel("inverse regularisation" if "inverse_strength" in curves[0] else "epoch")
        axes.set_ylabel(f"{name} (dashed: training)")
        axes.legend()
    picture.savefig(path, dpi=100)
