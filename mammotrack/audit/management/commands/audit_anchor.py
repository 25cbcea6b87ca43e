"""``manage.py audit_anchor``: chain what waits and sign the head of every chain now."""

from typing import Any

from django.core.management.base import BaseCommand

from mammotrack.audit import anchors, spool


class Command(BaseCommand):
    help = "Move waiting entries into their chains and sign the head of every chain that grew."

    def handle(self, *_args: Any, **_options: Any) -> None:
        moved = spool.drain()
        self.stdout.write(f"{moved} entries chained, {anchors.anchor_all()} heads signed.")
