"""Compare a model version with the active one on stored scans."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.management.progress import tracked
from analysis.management.reports import write_report
from mammotrack.errors import MammoTrackError
from ml_models.errors import ModelError
from scans.models import Mammogram


class Command(BaseCommand):
    help = "Let a model version classify stored scans in the shadow, and report the differences."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model_version")
        parser.add_argument("--report", type=Path, required=True, metavar="JSON")
        parser.add_argument("--limit", type=int, default=500, help="newest scans; default 500")

    def handle(self, *, model_version: str, report: Path, limit: int, **options: Any) -> None:
        from analysis.services.shadow import shadow_run  # noqa: PLC0415 -- OpenCV

        newest = list(Mammogram.objects.order_by("-created_at", "-pk")[:limit])
        try:
            found = shadow_run(model_version, tracked(newest, self.stderr))
        except (MammoTrackError, ModelError) as error:
            raise CommandError(error.detail) from error
        write_report(report, found)
        shift = found["suspicious_probability"]
        self.stdout.write(
            f"{found['candidate']['version']} beside {found['active']['version']} on {found['n']} "
            f"scans: {found['agreed']} agree\n"
            f"  changed: {_counted(found['changes'])}\n"
            f"  active: {_counted(found['distribution']['active'])}\n"
            f"  candidate: {_counted(found['distribution']['candidate'])}\n"
            f"  probability of category 4 or higher: mean shift {shift['mean_shift']}, "
            f"largest {shift['largest_shift']} (n = {shift['n']})\n"
            f"Written to {report}. A doctor or administrator reads and signs it: sign_report."
        )


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items()) or "none"
