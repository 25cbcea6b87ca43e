"""How far readers agree: doctor with doctor, and the computer with the doctor who read first.

Only first readings count, which were given before the computer's category was seen. One case is
one breast of one exam. Categories 0 (incomplete) and 6 (proven before) are no reading of a
picture; the computer knows no 1, so 1 counts as 2 where it takes part.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from analysis.models import Prediction, Reading
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from ml_models.metrics import Figure, confusion_counts, figure, patient_draws, quadratic_kappa
from scans.models import Mammogram

MOST_READINGS = 5000
READ = "12345"
COMPUTED = "2345"
AS_COMPUTED = {"1": "2"}

Breast = tuple[UUID, str]
Case = tuple[UUID, str, str]  # whose, and the two categories


@dataclass(frozen=True)
class Agreement:
    """Quadratic kappa with its 95 % interval by patients, the count of cases and of patients."""

    between: str
    model_version: str
    n: int
    patients: int
    kappa: Figure

    @property
    def figures(self) -> list[float | None]:
        """Value, low and high; None where it is undefined."""
        return self.kappa.as_list()


def agreements(user: User) -> list[Agreement]:
    """Over the newest readings of the user's clinics; what has no case is left out."""
    require(user, Permission.JUDGE_MODELS)
    readings: dict[Breast, list[str]] = defaultdict(list)
    owners: dict[Breast, UUID] = {}
    rows = Reading.objects.filter(clinic_id__in=user.clinic_ids, revision=1)
    newest = rows.order_by("-created_at", "-pk").values_list(
        "exam_id", "laterality", "patient_id", "category"
    )
    for exam_id, side, patient_id, category in reversed(newest[:MOST_READINGS]):
        readings[exam_id, side].append(category)
        owners[exam_id, side] = patient_id
    doctors = [
        (owners[breast], found[0], found[1]) for breast, found in readings.items() if found[1:]
    ]
    found = [_agreement("doctor-doctor", "", READ, doctors)]
    for version, computed in _computed(list({exam_id for exam_id, _ in readings})).items():
        cases = [
            (owners[breast], AS_COMPUTED.get(readings[breast][0], readings[breast][0]), category)
            for breast, category in computed.items()
            if breast in readings
        ]
        found.append(_agreement("computer-doctor", version, COMPUTED, cases))
    return [each for each in found if each.n]


def _computed(exam_ids: list[UUID]) -> dict[str, dict[Breast, str]]:
    """By model version, the worst picture of each breast."""
    pictures = Mammogram.objects.filter(exam_id__in=exam_ids)
    breasts = {
        pk: (exam_id, side)
        for pk, exam_id, side in pictures.values_list("pk", "exam_id", "laterality")
    }
    worst: dict[str, dict[Breast, str]] = defaultdict(dict)
    said = Prediction.objects.filter(mammogram_id__in=list(breasts), abstained=False)
    for version, picture, category in said.order_by("model_version").values_list(
        "model_version", "mammogram_id", "category"
    ):
        breast = breasts[picture]
        worst[version][breast] = max(category, worst[version].get(breast, ""))
    return worst


def _agreement(between: str, version: str, classes: str, cases: Sequence[Case]) -> Agreement:
    kept = [case for case in cases if case[1] in classes and case[2] in classes]
    owners = [case[0].hex for case in kept]
    if not kept:
        return Agreement(between, version, 0, 0, Figure(*[float("nan")] * 3))
    first = np.array([classes.index(case[1]) for case in kept])
    second = np.array([classes.index(case[2]) for case in kept])
    confusion = confusion_counts(
        truth=first, predicted=second, classes=len(classes), weights=patient_draws(owners)
    )
    return Agreement(
        between, version, len(kept), len(set(owners)), figure(quadratic_kappa(confusion))
    )
