from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "mammotrack.audit"
    label = "audit"

    def ready(self) -> None:
        from mammotrack.audit import receivers  # noqa: F401 -- connects them
