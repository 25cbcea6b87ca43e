"""``python -m ml_models.similar.build``: make the shipped reference set from CDD-CESM.

Run it again whenever another classifier becomes active: features of two models do not compare.
"""

import argparse
import hashlib
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from analysis.imaging.decode import load_pixels
from analysis.imaging.versions import PREPARATION_VERSION
from ml_models.classifier import Classifier
from ml_models.errors import ModelError
from ml_models.evaluate import DEFAULT_OUTPUT
from ml_models.readers import read_table, research_data_folder
from ml_models.similar.embedded import Embedded, column_of, embed_samples
from ml_models.similar.measure import Labelled, label, worth
from ml_models.similar.reference import (
    FOLDER,
    ReferenceCase,
    ReferenceSet,
    write_reference,
)
from ml_models.similar.search import SHOWN

SOURCE = "cdd_cesm"
DATASET = "CDD-CESM"
LICENCE = "CC BY 4.0"
ATTRIBUTION = "Khaled R. et al. (2021), The Cancer Imaging Archive, doi:10.7937/29kw-ae92"
PICTURES_A_KIND = 2  # of benign, malignant and normal, left and right: a dozen in all
PICTURE_HEIGHT_PX = 480
JPEG_QUALITY = 85


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the reference set of similar cases.")
    parser.add_argument("--data", type=Path, default=research_data_folder())
    parser.add_argument("--output", type=Path, default=FOLDER)
    parser.add_argument("--cache", type=Path, default=DEFAULT_OUTPUT)
    options = parser.parse_args()
    table = options.data / SOURCE / "labels.csv"
    try:
        model = Classifier.load()
        embedded = embed_samples(read_table(table, source=SOURCE), model, cache=options.cache)
    except (ModelError, FileNotFoundError) as error:
        sys.exit(str(error))
    reference = build(embedded, table, model=model, folder=options.output)
    shown = sum(case.picture for case in reference.cases)
    print(f"{len(reference.cases)} cases, {shown} with a picture, model {reference.model_version}.")


def build(embedded: Embedded, table: Path, *, model: Classifier, folder: Path) -> ReferenceSet:
    """Write features, labels and a dozen pictures; read them back."""
    density, pathology = column_of(table, "density"), column_of(table, "pathology")
    kept = np.flatnonzero(embedded.assessable)
    samples = [embedded.samples[i] for i in kept]
    cases = [
        ReferenceCase(
            case=f"{sample.patient.split('/')[1]}-{sample.laterality}-{sample.view}",
            patient=sample.patient.split("/")[1],
            dataset=DATASET,
            licence=LICENCE,
            attribution=ATTRIBUTION,
            laterality=sample.laterality or "",
            view=sample.view or "",
            birads=sample.category,
            density=density[sample.name],
            pathology=pathology[sample.name],
            pixel_sha256=stored_pixel_sha256(sample.path),
            picture=False,
        )
        for sample in samples
    ]
    made_by = {
        "model_version": model.version,
        "model_sha256": model.sha256,
        "preparation_version": PREPARATION_VERSION,
        "worth": _worth(label(embedded, pathology=pathology)),
    }
    features = embedded.features[kept]
    write_reference(folder, cases=cases, features=features, **made_by)
    shown = most_often_found(ReferenceSet.load(folder))
    cases = [ReferenceCase(**{**vars(case), "picture": case.case in shown}) for case in cases]
    write_reference(folder, cases=cases, features=features, **made_by)
    _write_pictures(
        folder / "pictures",
        {case.case: s.path for case, s in zip(cases, samples, strict=True) if case.picture},
    )
    return ReferenceSet.load(folder)


def _worth(labelled: Labelled) -> dict[str, Any]:
    found = worth(labelled, labelled, neighbours=SHOWN)
    return {
        "pictures": len(labelled.samples),
        "neighbours": found.neighbours,
        "auc": found.auc.as_list(),
        "chance": [round(limit, 4) for limit in found.chance],
    }


def most_often_found(reference: ReferenceSet) -> set[str]:
    """Of each pathology and breast the cases found most often from other women's pictures."""
    found: Counter[str] = Counter()
    for case, features in zip(reference.cases, reference.features, strict=True):
        nearest = reference.nearest(
            features,
            laterality=case.laterality,
            view=case.view,
            known_pixels={case.pixel_sha256},
            count=SHOWN,
        )
        found.update(each.case.case for each in nearest)
    chosen: set[str] = set()
    for pathology, laterality in product(("benign", "malignant", "normal"), ("L", "R")):
        of_kind = [
            case.case
            for case in reference.cases
            if (case.pathology, case.laterality) == (pathology, laterality)
        ]
        of_kind.sort(key=lambda name: (-found[name], name))
        chosen.update(of_kind[:PICTURES_A_KIND])
    return chosen


def stored_pixel_sha256(path: Path) -> str:
    """Hash of an 8-bit grayscale file as ``scans`` computes it for an upload."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise ModelError(f"{path.name} is no 8-bit grayscale picture.", code="unsupported_depth")
    rows, columns = pixels.shape
    digest = hashlib.sha256(f"{rows} {columns} 8\n".encode())
    digest.update(pixels.astype("<u2").tobytes())
    return digest.hexdigest()


def _write_pictures(folder: Path, sources: dict[str, Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jpg"):
        old.unlink()
    for case, path in sources.items():
        pixels = np.round(load_pixels(path) * 255).astype(np.uint8)
        scale = PICTURE_HEIGHT_PX / pixels.shape[0]
        smaller = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        cv2.imwrite(str(folder / f"{case}.jpg"), smaller, quality)


if __name__ == "__main__":
    main()
