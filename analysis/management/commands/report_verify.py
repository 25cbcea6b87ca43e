"""Whether a PDF is a report that this installation handed out, byte for byte."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.services.reports import find_report


class Command(BaseCommand):
    help = "Tell a genuine report from an altered or foreign one. Ends with 1 if it is not ours."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: Any) -> None:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        issued = find_report(content)
        if issued is None:
            raise CommandError("This is not a report of this installation, or it was altered.")
        version = issued.decision_version
        signed = f"decision version {version}" if version else "a draft, unsigned"
        standing = "nothing was signed since" if issued.is_current else "OVERTAKEN: signed since"
        self.stdout.write(
            f"Genuine: {signed}; {standing}.\n"
            f"Handed out {issued.issued_at:%Y-%m-%d %H:%M:%S} UTC to {issued.issued_by}.\n"
            f"File SHA-256   {issued.sha256}\nRecord SHA-256 {issued.record_sha256}"
        )
