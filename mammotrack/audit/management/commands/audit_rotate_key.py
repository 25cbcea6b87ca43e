"""``manage.py audit_rotate_key``: seal with a new key from now on."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from mammotrack.audit import keys


class Command(BaseCommand):
    help = "Add a key that seals the audit trail from now on; the older ones go on verifying."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            self.stdout.write(f"{keys.rotate_mac_key()} seals from now on.")
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
