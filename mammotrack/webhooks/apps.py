from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "mammotrack.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        from mammotrack.webhooks import receivers  # noqa: F401 -- registers itself
