from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "analysis"

    def ready(self) -> None:
        from analysis import receivers  # noqa: F401 -- connects the listeners
        from analysis.choices import JobState, ModelState
        from analysis.models import (
            AnalysisJob,
            Countersignature,
            Decision,
            Finding,
            LesionMark,
            ModelVersion,
        )
        from mammotrack.audit.links import expect
        from mammotrack.audit.models import Action

        expect(AnalysisJob, Action.ANALYSIS_REQUESTED)
        expect(AnalysisJob, Action.ANALYSIS_DONE, state=JobState.DONE)
        signed = ("choice", "evidence_sha256")
        expect(Decision, Action.DECISION_SIGNED, stated=signed, version=1)
        expect(Decision, Action.DECISION_AMENDED, stated=signed, version={"$gt": 1})
        expect(Countersignature, Action.DECISION_COUNTERSIGNED)
        expect(Finding, Action.FINDING_RECORDED)
        expect(LesionMark, Action.LESION_MARKED)
        expect(ModelVersion, Action.MODEL_ACTIVATED, stated=("sha256",), state=ModelState.ACTIVE)
