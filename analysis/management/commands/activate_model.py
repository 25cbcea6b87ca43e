"""Let a model version answer from now on."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.management.people import signed_in
from analysis.management.reports import read_report
from analysis.services.releases import activate_model
from mammotrack.errors import MammoTrackError
from ml_models.errors import ModelError


class Command(BaseCommand):
    help = "Activate a model version by a signed shadow report; the one before is retired."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model_version")
        parser.add_argument("--report", type=Path, required=True, metavar="JSON")
        parser.add_argument(
            "--by", required=True, metavar="USERNAME", help="an administrator who did not sign it"
        )

    def handle(self, *, model_version: str, report: Path, by: str, **options: Any) -> None:
        try:
            activate_model(model_version, report=read_report(report), activated_by=signed_in(by))
        except (MammoTrackError, ModelError) as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{model_version} answers from now on.")
