from django.apps import AppConfig


class ScansConfig(AppConfig):
    name = "scans"

    def ready(self) -> None:
        from mammotrack.audit.links import expect
        from mammotrack.audit.models import Action
        from scans import receivers  # noqa: F401 -- connects them
        from scans.models import Mammogram

        expect(Mammogram, Action.MAMMOGRAM_STORED)
