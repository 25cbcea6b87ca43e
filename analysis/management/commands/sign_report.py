"""Put a person's signature under a shadow report."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.management.people import signed_in
from analysis.management.reports import read_report, write_report
from analysis.services.releases import MEANING, sign_report
from mammotrack.errors import MammoTrackError


class Command(BaseCommand):
    help = f'Sign a shadow report as a doctor or administrator. It means: "{MEANING}"'

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("report", type=Path)
        parser.add_argument("--by", required=True, metavar="USERNAME")

    def handle(self, *, report: Path, by: str, **options: Any) -> None:
        read = read_report(report)
        self.stdout.write(MEANING)
        try:
            signed = sign_report(read, signed_by=signed_in(by))
        except MammoTrackError as error:
            raise CommandError(error.detail) from error
        write_report(report, signed)
        self.stdout.write(f"Signed by {signed['signature']['name']}.")
