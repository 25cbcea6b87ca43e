"""Films with known values, stored at full depth as an upload stores them, without an analysis."""

import hashlib
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.models import Recommendation
from patients.models import Patient
from scans.header import PIXELS_NAME, MammogramHeader
from scans.models import Mammogram
from scans.picture import Picture
from scans.services import object_store
from tests.factories.analysis import make_comparison, make_recommendation
from tests.factories.scans import make_mammogram

PRIOR_DATE, CURRENT_DATE = date(2024, 1, 5), date(2024, 7, 5)
STEP = 64


def stepped(*, rows: int = 640, columns: int = 512, add: int = 0) -> NDArray[np.uint16]:
    """Squares of 64 px, each of one 16-bit value that no other has."""
    down, across = np.mgrid[0:rows, 0:columns] // STEP
    return ((down * (columns // STEP) + across) * 700 + 1000 + add).astype(np.uint16)


def store_film(patient: Patient, pixels: NDArray[np.uint16], **fields: object) -> Mammogram:
    """A row whose full-depth picture and copies for pages lie in the store."""
    rows, columns = pixels.shape
    header = MammogramHeader(file_format="DICOM", rows=rows, columns=columns, bits_stored=16)
    with tempfile.TemporaryDirectory() as folder:
        Picture(header=header, stored=pixels, presentation=pixels).save(Path(folder))
        made = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    sha256 = hashlib.sha256(made[PIXELS_NAME] + str(fields).encode()).hexdigest()
    object_store().put_derived(sha256, made)
    values = {"bits_stored": 16, "rows": rows, "columns": columns, "sha256": sha256} | fields
    return make_mammogram(patient, **values)  # type: ignore[arg-type]


def laid_over(*, across: float = 0.0, down: float = 0.0, ssim: float = 0.75) -> bytes:
    """A correspondence grid: the prior moved by shares of its sides, and as bright."""
    rows, columns = 20, 16
    x, y = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    nodes = np.stack([x + across, y + down, np.full_like(x, ssim), np.ones_like(x)], axis=-1)
    match = [0.0, 0.0, 1.0, 1.0]
    return np.concatenate([[rows, columns, 2], match, nodes.ravel()]).astype("<f4").tobytes()


def store_pair(
    patient: Patient, *, correspondence: bytes | None = None, **comparison: object
) -> Recommendation:
    """A read pair of stepped films; registered where a grid is given."""
    prior = store_film(patient, stepped(), exam_date=PRIOR_DATE)
    current = store_film(patient, stepped(add=300), exam_date=CURRENT_DATE)
    found = make_comparison(prior=prior, current=current, **comparison)
    if correspondence:
        object_store().put_derived(found.pictures_key, {"correspondence.f32": correspondence})
    return make_recommendation(prior=prior, current=current, comparison=found)
