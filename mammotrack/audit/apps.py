from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "mammotrack.audit"
    label = "audit"

    def ready(self) -> None:
        from mammotrack.accounts.models import User
        from mammotrack.audit import receivers  # noqa: F401 -- connects them
        from mammotrack.audit.links import expect
        from mammotrack.audit.models import Action

        expect(User, Action.PEOPLE_CHANGED, stated=("role", "is_active"))
