from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "mammotrack.audit"
    label = "audit"
