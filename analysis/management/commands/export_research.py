"""The clinic's de-identified rows of those who agreed to research, for who does it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.research import export_lines
from mammotrack.accounts.models import Clinic


class Command(BaseCommand):
    help = "Write the de-identified records of consenting patients as NDJSON to a new file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("clinic", help="Its name.")
        parser.add_argument("file", type=Path)

    def handle(self, *, clinic: str, file: Path, **options: Any) -> None:
        found = Clinic.objects.filter(name=clinic).first()
        if found is None:
            raise CommandError(f"There is no clinic {clinic}.")
        count = 0
        try:
            with file.open("x") as out:
                for line in export_lines(found, exported_by=None):
                    out.write(f"{line}\n")
                    count += 1
        except FileExistsError as error:
            raise CommandError(f"{file} exists.") from error
        self.stdout.write(f"{count} rows.")
