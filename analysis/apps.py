from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "analysis"

    def ready(self) -> None:
        from analysis import receivers  # noqa: F401 -- connects the listeners
        from analysis.choices import JobState, ModelState
        from analysis.models import (
            AnalysisJob,
            Arbitration,
            Countersignature,
            Decision,
            Finding,
            LesionMark,
            ModelVersion,
            Reading,
        )
        from mammotrack.audit.links import expect
        from mammotrack.audit.models import Action

        expect(AnalysisJob, Action.ANALYSIS_REQUESTED)
        expect(AnalysisJob, Action.ANALYSIS_DONE, state=JobState.DONE)
        signed = ("choice", "evidence_sha256")
        expect(Decision, Action.DECISION_SIGNED, stated=signed, version=1)
        expect(Decision, Action.DECISION_AMENDED, stated=signed, version={"$gt": 1})
        expect(Countersignature, Action.DECISION_COUNTERSIGNED)
        expect(Reading, Action.READING_RECORDED, stated=("category",))
        expect(Arbitration, Action.READING_ARBITRATED, stated=("category",))
        expect(Finding, Action.FINDING_RECORDED)
        expect(LesionMark, Action.LESION_MARKED)
        expect(ModelVersion, Action.MODEL_ACTIVATED, stated=("sha256",), state=ModelState.ACTIVE)
