"""``python -m ml_models.attributes``: cross-validate, fit, ship, and write the card."""

import argparse
import hashlib
import io
import json
import sys
from pathlib import Path

import numpy as np

from ml_models.attributes.card import card_text, write_card
from ml_models.attributes.design import raw_values
from ml_models.attributes.learners import AGE_KNOTS, fit_logistic
from ml_models.attributes.model import ACTIVE, VERSIONS, AttributeModel, Logistic
from ml_models.attributes.table import TABLE, MassTable, read_mass_table
from ml_models.attributes.validation import REPEATS, Validation, validate
from ml_models.errors import ModelError
from ml_models.readers import research_data_folder

CARD = Path(__file__).resolve().parents[2] / "docs" / "attribute-model-card.md"
REFITS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description="Train and measure the attribute model.")
    parser.add_argument("--data", type=Path, default=research_data_folder())
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of the cross-validation")
    parser.add_argument("--card", type=Path, default=CARD)
    parser.add_argument("--weights", type=Path, default=VERSIONS)
    options = parser.parse_args()
    try:
        table = read_mass_table(options.data / TABLE)
    except ModelError as error:
        sys.exit(error.detail)
    validation = validate(table, repeats=options.repeats)
    if validation.shipped.name == "gradient boosting":
        sys.exit("Boosted trees are better than noise explains; serving knows linear models only.")
    model = ship(table, validation, folder=options.weights)
    write_card(options.card, table=table, validation=validation, model=model)
    print(card_text(table, validation, model))


def ship(table: MassTable, validation: Validation, *, folder: Path) -> AttributeModel:
    """Fit on all rows, write arrays and manifest, and load what was written."""
    age_knots = AGE_KNOTS if "spline" in validation.shipped.name else 0
    values = raw_values(table.masses)

    def fitted(*, with_assessment: bool) -> Logistic:
        return fit_logistic(
            values,
            table.malignant,
            age_knots=age_knots,
            with_assessment=with_assessment,
            refits=REFITS,
        )

    model = AttributeModel(
        version=ACTIVE,
        sha256="",
        manifest={},
        with_assessment=fitted(with_assessment=True),
        descriptors_only=fitted(with_assessment=False),
    )
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **model.arrays())
    stored = buffer.getvalue()
    target = folder / ACTIVE
    target.mkdir(parents=True, exist_ok=True)
    (target / "weights.npz").write_bytes(stored)
    manifest = {
        "version": ACTIVE,
        "state": "active",
        "architecture": validation.shipped.name,
        "sha256": hashlib.sha256(stored).hexdigest(),
        "licence": "Research use only, no clinical use.",
        "data": {
            "source": "UCI Mammographic Mass (Elter et al. 2007), CC BY 4.0",
            "sha256": table.sha256,
            "masses": len(table.malignant),
            "malignant": int(table.malignant.sum()),
        },
        "metrics": {
            name: {
                "auc": of.auc.as_list(),
                "brier": of.brier.as_list(),
                "calibration_error": of.calibration_error.as_list(),
            }
            for name, of in (
                ("with_assessment", validation.shipped),
                ("descriptors_only", validation.descriptors_only),
                ("assessment_alone", validation.baseline),
            )
        },
    }
    (target / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return AttributeModel.load(folder=folder)


if __name__ == "__main__":
    main()
