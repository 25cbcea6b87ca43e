from django.apps import AppConfig


class ScansConfig(AppConfig):
    name = "scans"

    def ready(self) -> None:
        from mammotrack.audit.links import expect
        from mammotrack.audit.models import Action
        from scans import receivers  # noqa: F401 -- connects them
        from scans.choices import UnmatchedState
        from scans.models import Mammogram, UnmatchedFile

        expect(Mammogram, Action.MAMMOGRAM_STORED)
        expect(UnmatchedFile, Action.FILE_UNMATCHED)
        expect(UnmatchedFile, Action.FILE_ATTACHED, state=UnmatchedState.ATTACHED)
        expect(UnmatchedFile, Action.FILE_DISCARDED, state=UnmatchedState.DISCARDED)
