from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "mammotrack.api"
    label = "api"
    verbose_name = "API"
