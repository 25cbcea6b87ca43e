"""The versions that lie in the repository: intact, current, small, as the card describes them."""

import re
from pathlib import Path

import pytest

from analysis.imaging.decode import load_pixels
from analysis.imaging.versions import SAME_PICTURES
from ml_models import registry
from ml_models.crossval import COVERAGE
from ml_models.readers import read_table, research_data_folder
from ml_models.report import OVERALL_ROWS

CARD = Path(__file__).parents[2] / "docs" / "model-card.md"
MEGABYTE = 1_000_000
CELL = re.compile(r"-?\d\.\d{3} \[-?\d\.\d{3}, -?\d\.\d{3}\]")
NUMBER = re.compile(r"-?\d\.\d{3}")


def test_one_active_and_one_baseline_version_are_intact():
    shipped = {manifest.state: manifest for manifest in registry.versions()}

    assert {state: m.version for state, m in shipped.items()} == {
        "active": "birads-2",
        "baseline": "paper-cnn-2",
    }
    for manifest in shipped.values():
        assert all(array.dtype == "float32" for array in registry.load_weights(manifest).values())
        assert manifest.preparation_version in SAME_PICTURES
        assert manifest.coverage == COVERAGE
        assert len(manifest.calibration.set_thresholds) == len(manifest.classes)


def test_weights_stay_small():
    sizes = [path.stat().st_size for path in registry.WEIGHTS_FOLDER.rglob("*") if path.is_file()]
    assert sum(sizes) < 25 * MEGABYTE


@pytest.mark.parametrize("state", ["active", "baseline"])
def test_card_prints_the_figures_of_the_manifest(state):
    card = CARD.read_text(encoding="utf-8")
    manifest = next(m for m in registry.versions() if m.state == state)
    assert manifest.sha256 in card
    assert manifest.data["sha256"] in card
    for source, scores in manifest.metrics.items():
        printed = f"{source.removesuffix(', exam')} ("
        assert any(
            line.startswith(printed)
            and f"{scores['images']} images of {scores['patients']} patients" in line
            for line in card.splitlines()
        )
        for key, label in OVERALL_ROWS:
            rows = [line for line in card.splitlines() if line.startswith(label)]
            printed = [
                [float(n) for n in NUMBER.findall(cell)] for r in rows for cell in CELL.findall(r)
            ]
            expected = pytest.approx(scores["overall"][key], abs=0.0006)  # three places printed
            assert any(figure == expected for figure in printed), label


@pytest.mark.model
def test_active_model_answers_on_a_real_mammogram():
    table = research_data_folder() / "cdd_cesm" / "labels.csv"
    if not table.is_file():
        pytest.skip("needs the CDD-CESM images (MAMMOTRACK_RESEARCH_DATA)")
    from analysis.imaging.breast import prepare_breast
    from ml_models.classifier import Classifier

    sample = read_table(table, source="cdd_cesm")[0]
    prepared = prepare_breast(
        load_pixels(sample.path), spacing_mm=None, laterality=sample.laterality, view=sample.view
    )

    answer = Classifier.load().classify(prepared)

    assert answer.model_version == "birads-2"
    assert answer.reasons == ()
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.probabilities["6"] == 0
    assert 0 < answer.suspicious_probability < 1
