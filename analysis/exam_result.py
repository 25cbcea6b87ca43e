"""What the model suggests for an exam: of each breast its worst picture, of the exam its worst
breast. Never an average: a finding in one breast is not diluted by the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.models import Prediction


@dataclass(frozen=True)
class ExamResult:
    """BI-RADS categories; None where no picture of it has one."""

    left: str | None
    right: str | None

    @property
    def exam(self) -> str | None:
        return max(filter(None, (self.left, self.right)), default=None)


def has_category(prediction: Prediction | None) -> bool:
    return bool(prediction and prediction.category and not prediction.abstained)


def exam_result(readings: Iterable[tuple[str, Prediction]]) -> ExamResult:
    """The result of one exam, from laterality and prediction of each of its pictures."""
    found = [
        (laterality, prediction.category)
        for laterality, prediction in readings
        if has_category(prediction)
    ]

    def worst(side: str) -> str | None:
        return max((category for laterality, category in found if laterality == side), default=None)

    return ExamResult(left=worst("L"), right=worst("R"))
