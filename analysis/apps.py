from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "analysis"

    def ready(self) -> None:
        from analysis import receivers  # noqa: F401 -- connects the listeners
        from analysis.choices import JobState
        from analysis.models import AnalysisJob, Decision
        from mammotrack.audit.links import expect
        from mammotrack.audit.models import Action

        expect(AnalysisJob, Action.ANALYSIS_REQUESTED)
        expect(AnalysisJob, Action.ANALYSIS_DONE, state=JobState.DONE)
        expect(Decision, Action.DECISION_SIGNED)
