"""``manage.py emergency_digest``: who broke the glass lately? For a daily mail."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from mammotrack.models import now
from patients.selectors import emergencies_since


class Command(BaseCommand):
    help = "List emergency accesses, a line each, without patients' names; status 1 if any is new."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--hours", type=int, default=24, help="how far to look back")

    def handle(self, *_args: Any, hours: int, **_options: Any) -> None:
        found = list(emergencies_since(now() - timedelta(hours=hours)))
        for access in found:
            ended = f"{access.ended_at:%H:%M}" if access.ended_at else "open"
            seen = "reviewed" if access.reviewed_at else "NOT REVIEWED"
            who = f"{access.opened_by.username}  {access.opened_by.role}  {access.clinic.name}"
            self.stdout.write(
                f"{access.created_at:%Y-%m-%d %H:%M} to {ended}  {who}"
                f"  patient {access.patient_id}  {seen}"
            )
        self.stdout.write(f"{len(found)} in {hours} hours")
        if any(access.reviewed_at is None for access in found):
            raise SystemExit(1)
