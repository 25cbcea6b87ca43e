"""The card of the attribute model: what it is, how good it is, what it must not be used for."""

from pathlib import Path

import numpy as np

from ml_models.attributes.learners import AGE_KNOTS, RIDGE
from ml_models.attributes.model import AttributeModel
from ml_models.attributes.table import COLUMNS, MassTable
from ml_models.attributes.validation import FOLDS, Validated, Validation

DIAGRAM = "attribute-reliability.svg"
BINS = 10


def write_card(
    path: Path, *, table: MassTable, validation: Validation, model: AttributeModel
) -> None:
    """Write the card, and the reliability diagram beside it."""
    path.write_text(card_text(table, validation, model), encoding="utf-8")
    draw_reliability(
        path.parent / DIAGRAM, table, (validation.shipped, validation.descriptors_only)
    )


def card_text(table: MassTable, validation: Validation, model: AttributeModel) -> str:
    rows, malignant = len(table.malignant), int(table.malignant.sum())
    patterns = len(set(table.patterns().tolist()))
    repeats = len(validation.shipped.probabilities)
    gaps = "\n".join(
        f"| {column} | {table.missing[column]} | {table.out_of_range[column]} |"
        for column in COLUMNS[:-1]
    )
    figures = "\n".join(
        _row(one)
        for one in (validation.baseline, *validation.candidates, validation.descriptors_only)
    )
    losses = "\n".join(
        f"| {one.name} | {loss} |"
        for one, loss in zip(validation.candidates, validation.loss, strict=True)
    )
    shipped, alone = validation.shipped, validation.descriptors_only
    return f"""# Card of the attribute model, {model.version}

Written by `python -m ml_models.attributes`; every number here is printed by it.

## What it is

A doctor describes one mass in BI-RADS terms (shape, margin, density, assessment); with the
patient's age on the day of the exam the model gives a probability that the mass is malignant.
**Research use only, no clinical use.** It reads words, not pixels: it knows what the doctor wrote
and nothing else.

* Form: {shipped.name} regression with a ridge penalty ({RIDGE:g}), fitted by Newton's method. Ordered
  attributes are a column a step; gaps are filled with the training rows' median and marked by a
  column of their own.
* Two fits in one version: with the assessment, and from the descriptors alone, which answers where
  no category from 2 to 5 is given.
* Interval shown with a probability: the 2.5 and 97.5 percentiles of {len(model.with_assessment.coefficients) - 1} refits on resampled rows. It
  says how well the model is known, not how much patients with the same description differ.
* Weights: plain arrays, SHA-256 `{model.sha256}`.

## Data

UCI Mammographic Mass, {rows} masses, {malignant} malignant ({malignant / rows:.1%}), Institute of Radiology,
University Erlangen-Nuremberg, 2003 to 2006, donated by M. Elter; CC BY 4.0
(https://archive.ics.uci.edu/dataset/161/mammographic+mass). SHA-256 of the file
`{table.sha256}`.

Elter M., Schulz-Wendtland R., Wittenberg T. (2007). The prediction of breast cancer biopsy outcomes
using two CAD approaches that both emphasize an intelligible decision process. Medical Physics
34(11), 4164-4172.

| column | missing | out of range, read as missing |
|---|---|---|
{gaps}

The documented range of the assessment is 1 to 5. A number outside it is read as missing: a slip such
as 55 (this file has none), 0, which is no assessment yet, and 6, which is proven cancer and so the answer itself. Rows without an assessment do not enter the
fit that uses it, and are scored by the descriptors alone, as in serving: a column "no assessment"
would learn that most of them were filed as 6.

**No patient is named in the table**, so it cannot be split by patient: two masses of one woman may
stand on both sides, and the intervals take rows for women. {rows} rows hold {patterns} combinations
of attributes; equal rows are what five coarse attributes make of different women, and may also be
copies. Both are measured below.

## How good it is

{repeats} times {FOLDS}-fold cross-validation, stratified; imputation, scaling and fit inside each
fold. Means over the repeats on {rows} masses; in brackets the 95 % interval, resampling rows. (Resampling
adds noise, which an ECE counts as error: its interval lies to the right.)

| model | AUC | Brier | ECE (10 bins) | accuracy at 0.5 | calibration slope |
|---|---|---|---|---|---|
{figures}

AUC lost against the best of the candidates, on the same resamplings; the simplest whose interval
reaches 0 is shipped:

| candidate | AUC lost |
|---|---|
{losses}

(The spline of age has {AGE_KNOTS} knots.) With equal rows kept on one side of every split, the shipped
form has AUC {validation.apart.auc}, Brier {validation.apart.brier}, ECE {validation.apart.calibration_error}.

![Reliability: observed share of malignant masses against the predicted probability]({DIAGRAM})

{_reliability_table(table, shipped)}

## Beside published figures

| source | data | figure |
|---|---|---|
| here, {shipped.name} | this table, {repeats} x {FOLDS}-fold | AUC {shipped.auc}, accuracy {shipped.accuracy} |
| here, descriptors only | this table | AUC {alone.auc}, accuracy {alone.accuracy} |
| Mokhtar, Elsayad (2013), arXiv:1305.7057 | this table, one 70:30 split | accuracy 0.781 (decision tree), 0.806 (neural network), 0.813 (support vector machine) |
| Benndorf et al. (2015), PMC4420692 | other data: 1,276 masses to train, 1,177 to validate | AUC 0.935 with BI-RADS category, descriptors and age; 0.876 without the category |
| Chhatwal et al. (2009), doi:10.2214/AJR.07.3345 | other data: 62,219 consecutive records, not masses alone | AUC 0.963 with the radiologists' category, 0.927 without, 0.939 radiologists |

Only the first of the published ones is on the same table, and it gives accuracies of a single split.
The abstracts were read, not the full papers. In Benndorf's and Chhatwal's data most cases are benign
and easy, which lifts an AUC; here nearly all masses are category 4 or 5.

## What to keep in mind

* The share of malignant masses in training is {malignant / rows:.0%}: masses worth a biopsy at a university
  hospital. Where cancer is rarer, the probability is too high for the same words.
* One hospital, one country, 2003 to 2006, digital mammograms, the lexicon of that time: "lobular" and
  "ill-defined" have since become "oval" and "indistinct".
* Calcifications, asymmetry, distortion, family history, size and prior exams are unknown to it.
* Trained on ages {_ages(table)} years; younger and older ones are taken as the nearest of these. The
  table does not tell the sex; men are not answered. Nor is category 6, and 0 and 1 are no evidence.
* A gap in the table may mean something else than a gap in a form. Describe what can be described.
* Not validated on any other data than the table it was made from.
"""


def _row(one: Validated) -> str:
    return (
        f"| {one.name} | {one.auc} | {one.brier} | {one.calibration_error} | {one.accuracy} "
        f"| {one.calibration_slope:.2f} |"
    )


def _ages(table: MassTable) -> str:
    ages = [mass.age for mass in table.masses if mass.age is not None]
    return f"{min(ages)} to {max(ages)}"


def reliability(table: MassTable, of: Validated) -> list[tuple[float, float, float, float, int]]:
    """By tenth of the masses: mean prediction, observed share, its 95 % interval (Wilson), n."""
    predicted = of.probabilities.mean(axis=0)
    points = []
    for members in np.array_split(np.argsort(predicted, kind="stable"), BINS):
        n, share = len(members), float(table.malignant[members].mean())
        middle = (share + 1.92 / n) / (1 + 3.84 / n)
        half = 1.96 * np.sqrt(share * (1 - share) / n + 0.96 / n**2) / (1 + 3.84 / n)
        points.append((float(predicted[members].mean()), share, middle - half, middle + half, n))
    return points


def _reliability_table(table: MassTable, of: Validated) -> str:
    lines = [f"| predicted ({of.name}) | observed | masses |", "|---|---|---|"]
    lines += [
        f"| {mean:.3f} | {share:.3f} [{low:.3f}, {high:.3f}] | {n} |"
        for mean, share, low, high, n in reliability(table, of)
    ]
    return "\n".join(lines)


def draw_reliability(path: Path, table: MassTable, models: tuple[Validated, ...]) -> None:
    """Draw predicted against observed, a panel a model; the same input, the same bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "reliability", "svg.fonttype": "none"}):
        picture = Figure(figsize=(4.2 * len(models), 4.2), layout="constrained")
        FigureCanvasSVG(picture)
        for axes, of in zip(picture.subplots(1, len(models)), models, strict=True):
            mean, share, low, high, _ = np.array(reliability(table, of)).T
            axes.plot([0, 1], [0, 1], "--", color="0.6", linewidth=1)
            axes.errorbar(
                mean, share, yerr=np.maximum([share - low, high - share], 0), fmt="o-", capsize=3
            )
            axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=of.name)
            axes.set(xlabel="predicted probability", ylabel="observed share malignant")
        picture.savefig(path, metadata={"Date": None})
