from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "mammotrack.accounts"
    label = "accounts"
    verbose_name = "People and clinics"
