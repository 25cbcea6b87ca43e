"""Jobs, what the machine found, what it proposes, and what a doctor decided."""

from analysis.models.answers import (
    BreastPrediction,
    Comparison,
    ModelVersion,
    Prediction,
    SimilarCases,
)
from analysis.models.jobs import AnalysisJob, WorkerSign
from analysis.models.marks import Finding, LesionMark
from analysis.models.readings import Arbitration, Reading
from analysis.models.recommendations import Countersignature, Decision, Recommendation

__all__ = [
    "AnalysisJob",
    "Arbitration",
    "BreastPrediction",
    "Comparison",
    "Countersignature",
    "Decision",
    "Finding",
    "LesionMark",
    "ModelVersion",
    "Prediction",
    "Reading",
    "Recommendation",
    "SimilarCases",
    "WorkerSign",
]
