"""The attribute model: reading the table, the design, the fit, and what is shipped."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml_models.attributes.descriptors import Density, Descriptors, Margin, Shape
from ml_models.attributes.design import Design, raw_values
from ml_models.attributes.learners import BASELINE, CANDIDATES, fit_logistic, fit_ridge_logistic
from ml_models.attributes.model import VERSIONS, AttributeModel
from ml_models.attributes.table import TABLE, read_mass_table
from ml_models.attributes.validation import out_of_fold, simplest_within_noise
from ml_models.errors import ModelError
from ml_models.metrics import Figure
from ml_models.readers import research_data_folder

ROOT = Path(__file__).resolve().parents[2]
SPICULATED = Descriptors(
    age=70, shape=Shape.IRREGULAR, margin=Margin.SPICULATED, density=Density.HIGH, assessment=5
)
ROUND = Descriptors(
    age=40, shape=Shape.ROUND, margin=Margin.CIRCUMSCRIBED, density=Density.LOW, assessment=3
)


def write(folder: Path, *rows: str) -> Path:
    path = folder / "masses.data"
    path.write_text("\n".join(rows) + "\n")
    return path


class TestTable:
    def test_gaps_and_slips_are_missing_and_counted(self, tmp_path):
        path = write(
            tmp_path,
            "BI-RADS assessment,Age,Shape,Margin,Density,Severity",
            "5,67,3,5,3,1",
            "55,43,1,1,?,1",
            "6,?,4,5,3,1",
            "0,61,?,4,3,0",
        )

        table = read_mass_table(path)

        assert table.masses[0] == Descriptors(67, Shape.LOBULAR, Margin.SPICULATED, Density.LOW, 5)
        assert [mass.assessment for mass in table.masses] == [5, None, None, None]
        assert (table.missing["Age"], table.missing["Shape"], table.missing["Density"]) == (1, 1, 1)
        assert table.out_of_range == {
            "BI-RADS assessment": 3,
            "Age": 0,
            "Shape": 0,
            "Margin": 0,
            "Density": 0,
        }
        assert table.malignant.tolist() == [True, True, True, False]

    def test_equal_rows_have_one_pattern(self, tmp_path):
        table = read_mass_table(write(tmp_path, "4,50,1,1,3,0", "4,51,1,1,3,0", "4,50,1,1,3,1"))
        assert table.patterns().tolist() == [0, 1, 0]

    @pytest.mark.parametrize("row", ["4,50,1,1,3", "4,50,1,1,3,2", "4,fifty,1,1,3,0", "4,,1,1,3,0"])
    def test_a_broken_row_is_refused(self, tmp_path, row):
        with pytest.raises(ModelError) as refusal:
            read_mass_table(write(tmp_path, row))
        assert refusal.value.code == "invalid_table"

    def test_an_absent_table_is_named(self, tmp_path):
        with pytest.raises(ModelError) as refusal:
            read_mass_table(tmp_path / "none.data")
        assert refusal.value.code == "data_missing"


class TestDesign:
    def test_gaps_are_filled_with_what_training_rows_say_and_marked(self):
        training = raw_values([ROUND, dataclasses.replace(ROUND, age=60), SPICULATED])
        design = Design.learn(training, age_knots=0, with_assessment=False)

        gap, filled = design.columns(
            raw_values(
                [
                    dataclasses.replace(ROUND, age=None),
                    dataclasses.replace(ROUND, age=60),
                ]
            )
        )

        assert np.flatnonzero(gap != filled).tolist() == [len(gap) - 4]
        assert gap[len(gap) - 4] == 1

    def test_an_ordered_attribute_climbs_step_by_step(self):
        design = Design.learn(raw_values([ROUND]), age_knots=0, with_assessment=False)
        shapes = [dataclasses.replace(ROUND, shape=shape) for shape in Shape]
        steps = design.columns(raw_values(shapes))[:, 2:5]
        assert steps.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]

    def test_the_spline_is_straight_beyond_its_knots(self):
        ages = raw_values([dataclasses.replace(ROUND, age=age) for age in range(18, 97)])
        design = Design.learn(ages, age_knots=4, with_assessment=False)
        bends = design.columns(ages)[:, 2:4]
        outside = ages[:, 0] > design.knots[-1]
        assert np.abs(np.diff(bends[outside], n=2, axis=0)).max() < 1e-9
        assert np.abs(np.diff(bends, n=2, axis=0)).max() > 1e-5


def test_the_fit_is_the_minimum_of_its_loss():
    rng = np.random.default_rng(3)
    columns = np.column_stack([np.ones(80), rng.normal(size=(80, 2))])
    malignant = rng.random(80) < 0.4

    def loss(beta):
        z = columns @ beta
        return (np.logaddexp(0, z) - malignant * z).sum() + 0.5 * (beta[1:] ** 2).sum()

    beta = fit_ridge_logistic(columns, malignant, weights=np.ones(80))

    nudges = 1e-3 * np.vstack([np.eye(3), -np.eye(3)])
    assert all(loss(beta + nudge) > loss(beta) for nudge in nudges)


def test_the_first_that_may_lose_nothing_is_taken():
    losses = [Figure(0.02, 0.01, 0.03), Figure(0.004, -0.001, 0.01), Figure(0.0, 0.0, 0.0)]
    assert simplest_within_noise(losses) == 1


@pytest.fixture(scope="module")
def model():
    return AttributeModel.load()


class TestShipped:
    def test_suspicion_rises_with_the_words(self, model):
        low, high = model.estimate(ROUND), model.estimate(SPICULATED)
        assert low.probability < 0.1
        assert high.probability > 0.9
        for estimate in (low, high):
            assert 0 < estimate.low <= estimate.probability <= estimate.high < 1
            assert estimate.uses_assessment
            assert (estimate.model_version, estimate.model_sha256) == (model.version, model.sha256)

    def test_without_a_category_the_descriptors_answer(self, model):
        blind = dataclasses.replace(SPICULATED, assessment=None)
        estimate = model.estimate(blind)
        assert not estimate.uses_assessment
        assert estimate.probability == pytest.approx(
            model.descriptors_only.probabilities(raw_values([blind]))[0, 0]
        )

    def test_an_age_beyond_the_table_is_the_nearest_in_it(self, model):
        oldest = model.estimate(dataclasses.replace(ROUND, age=96))
        assert model.estimate(dataclasses.replace(ROUND, age=104)) == oldest

    def test_arrays_that_are_not_the_released_ones_are_refused(self, tmp_path):
        shutil.copytree(VERSIONS, tmp_path / "weights")
        arrays = tmp_path / "weights" / "attributes-1" / "weights.npz"
        arrays.write_bytes(arrays.read_bytes() + b"\0")
        with pytest.raises(ModelError) as refusal:
            AttributeModel.load(folder=tmp_path / "weights")
        assert refusal.value.code == "hash_mismatch"

    def test_an_unknown_version_is_refused(self):
        with pytest.raises(ModelError) as refusal:
            AttributeModel.load("attributes-0")
        assert refusal.value.code == "unknown_version"

    def test_asking_it_loads_no_heavy_library(self):
        program = (
            "import sys; from ml_models.attributes.model import AttributeModel; "
            "AttributeModel.load(); "
            "print([n for n in ('sklearn', 'tensorflow', 'keras', 'cv2', 'matplotlib')"
            " if n in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"

    def test_the_card_tells_the_figures_of_the_manifest(self, model):
        card = (ROOT / "docs" / "attribute-model-card.md").read_text()
        value, low, high = model.manifest["metrics"]["with_assessment"]["auc"]
        assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in card
        assert model.sha256 in card


@pytest.fixture(scope="module")
def table():
    path = research_data_folder() / TABLE
    if not path.is_file():
        pytest.skip(f"{TABLE.name} is not on this machine")
    return read_mass_table(path)


class TestOnTheTable:
    def test_it_is_the_published_one(self, table):
        assert (len(table.masses), int(table.malignant.sum())) == (961, 445)
        assert table.missing == {
            "BI-RADS assessment": 2,
            "Age": 5,
            "Shape": 31,
            "Margin": 48,
            "Density": 76,
        }

    def test_held_out_it_ranks_better_than_the_assessment_alone(self, table):
        from sklearn.metrics import roc_auc_score

        aucs = [
            roc_auc_score(
                table.malignant,
                out_of_fold(one, table, repeat=0, keep_equal_together=False),
            )
            for one in (BASELINE, CANDIDATES[0])
        ]
        assert aucs[0] < 0.86 < aucs[1]

    def test_the_shipped_arrays_are_what_the_table_gives(self, table):
        shipped = AttributeModel.load()
        again = fit_logistic(
            raw_values(table.masses), table.malignant, age_knots=0, with_assessment=True
        )
        assert shipped.manifest["data"]["sha256"] == table.sha256
        np.testing.assert_allclose(
            again.coefficients[0], shipped.with_assessment.coefficients[0], rtol=1e-6
        )
