"""Write down what the API promises since its last change."""

from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mammotrack.api.promises import broken, promises

DOCUMENT = Path("docs/openapi.yaml")
PROMISES = Path("docs/api-promises.txt")


class Command(BaseCommand):
    help = "Add what docs/openapi.yaml newly promises to docs/api-promises.txt. It removes nothing."

    def handle(self, **options: Any) -> None:
        document, kept = settings.BASE_DIR / DOCUMENT, settings.BASE_DIR / PROMISES
        actual = promises(yaml.safe_load(document.read_text()))
        before = kept.read_text().splitlines() if kept.exists() else []
        if lost := broken(promised=before, actual=actual):
            raise CommandError("This breaks programs of others:\n" + "\n".join(lost))
        kept.write_text("".join(f"{line}\n" for line in actual))
        self.stdout.write(f"{len(actual) - len(before)} new promises, {len(actual)} in all.")
