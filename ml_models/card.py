"""The model card: a text whose every figure is filled in by the training that wrote it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from ml_models.architecture import multiplications
from ml_models.crossval import Scores
from ml_models.metrics import Figure
from ml_models.registry import Manifest

if TYPE_CHECKING:
    from ml_models.evaluate import Evaluation, Training

TEMPLATE = Path(__file__).parent / "card_template.md"

_CATEGORIES = "123456"
TARGETS = (
    ("AUC, <=3 against >=4", "auc_suspicious", ">=", 0.80),
    ("macro-F1, appearance 2-5", "macro_f1", ">=", 0.40),
    ("recall of 4", "4", ">=", 0.40),
    ("recall of 5", "5", ">=", 0.40),
    ("quadratic kappa, appearance 2-5", "quadratic_kappa", ">=", 0.40),
    ("calibration error of P(>=4)", "calibration_error", "<=", 0.08),
    ("prediction set holds the class", "set_coverage", ">=", 0.90),
)


def write_card(
    path: Path, training: "Training", evaluation: "Evaluation", manifests: Sequence[Manifest]
) -> None:
    """Fill the template and write it."""
    by_state = {manifest.state: manifest for manifest in manifests}
    own = evaluation.scores[training.config.learn_from[0]]
    backbone, second = multiplications(by_state["active"].input_shape)
    last = training.lesions.epochs[-1]
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        birads=by_state["active"].version,
        birads_sha256=by_state["active"].sha256,
        paper=by_state["baseline"].version,
        paper_sha256=by_state["baseline"].sha256,
        data_sha256=by_state["active"].data["sha256"],
        backbone=f"{backbone / 1e9:.1f}",
        second=f"{second / 1e9:.1f}",
        seed=training.config.seed,
        other_weight=training.config.other_weight,
        sources="\n".join(_source_rows(training)),
        patches=training.lesions.patches,
        auc_lesion=f"{last['auc_lesion']:.3f}",
        auc_malignant=f"{last['auc_malignant']:.3f}",
        draws=len(evaluation.draws),
        targets="\n".join(_target_rows(own["birads"], own["birads-exam"], evaluation.draws)),
        report=evaluation.text.rstrip(),
    )
    path.write_text(text, encoding="utf-8")


def _source_rows(training: "Training") -> list[str]:
    rows = []
    for source in sorted({sample.source for sample in training.samples}, reverse=True):
        samples = [sample for sample in training.samples if sample.source == source]
        counts = Counter(sample.category for sample in samples)
        use = "learnt from" if source in training.config.learn_from else "external"
        patients = len({sample.patient for sample in samples})
        categories = "/".join(str(counts[c]) for c in _CATEGORIES)
        rows.append(f"| {source} | {use} | {len(samples)} | {patients} | {categories} |")
    return rows


def _target_rows(picture: Scores, exam: Scores, draws: Mapping[str, Scores]) -> list[str]:
    rows = []
    for label, key, how, wanted in TARGETS:

        def verdict(value: float, how: str = how, wanted: float = wanted) -> str:
            reached = value >= wanted if how == ">=" else value <= wanted
            return "reached" if reached else "**not reached**"

        once = [_figure(one, key) for one in (picture, exam)]
        cells = [f"{figure}, {verdict(figure.value)}" for figure in once]
        drawn = [_figure(one, key).value for one in draws.values()]
        mean = sum(drawn) / len(drawn)
        cells.append(f"{mean:.3f}, {min(drawn):.3f} to {max(drawn):.3f}, {verdict(mean)}")
        rows.append(f"| {label} | {how} {wanted:.2f} | {' | '.join(cells)} |")
    return rows


def _figure(scores: Scores, key: str) -> Figure:
    """The recall of a class, or an overall figure."""
    figure: Figure = scores.per_class[key]["recall"] if key.isdigit() else scores.overall[key]
    return figure
