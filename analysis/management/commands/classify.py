"""Classify mammogram files. Needs no database."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.errors import FileRefused
from analysis.management.progress import tracked
from scans.choices import Laterality, View


class Command(BaseCommand):
    help = "BI-RADS probabilities of a mammogram file, or of all files of a table."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("file", nargs="?", type=Path, help="DICOM, PNG or JPEG")
        source.add_argument(
            "--files", type=Path, metavar="CSV", help="table with columns file, laterality, view"
        )
        parser.add_argument("--laterality", choices=Laterality.values)
        parser.add_argument("--view", choices=View.values)
        parser.add_argument("--json", action="store_true", help="one JSON object a file")

    def handle(self, **options: Any) -> None:
        try:
            if options["files"]:
                self._classify_table(options["files"])
                return
            result = classify_file(
                options["file"], laterality=options["laterality"], view=options["view"]
            )
        except FileRefused as error:
            raise CommandError(f"{error.code}: {error}") from error
        self.stdout.write(json.dumps(result) if options["json"] else _in_words(result))
        if not result["assessable"]:
            raise CommandError("not assessable: " + ", ".join(result["reasons"]))

    def _classify_table(self, table: Path) -> None:
        from analysis.files import beside, table_rows  # noqa: PLC0415 -- OpenCV

        rows = table_rows(table, columns=("file", "laterality", "view"))
        for row in tracked(rows, self.stderr):
            try:
                result = classify_file(
                    beside(table, row["file"]),
                    laterality=row["laterality"] or None,
                    view=row["view"] or None,
                )
            except FileRefused as error:
                result = _refused(error)
            self.stdout.write(json.dumps({**result, "file": row["file"]}))


def classify_file(path: Path, *, laterality: str | None, view: str | None) -> dict[str, Any]:
    from analysis.files import opened  # noqa: PLC0415 -- OpenCV
    from analysis.inference import classifier  # noqa: PLC0415 -- OpenVINO

    with opened(path, laterality=laterality, view=view) as picture:
        found = classifier().classify(picture.prepare())
    return {"file": str(path), **found.as_dict()}


def _refused(error: FileRefused) -> dict[str, Any]:
    from analysis.inference import classifier  # noqa: PLC0415 -- OpenVINO

    return {
        "assessable": False,
        "reasons": [error.code],
        "model_version": classifier().version,
        "probabilities": {},
        "category": None,
        "abstained": True,
        "prediction_set": [],
        "suspicious_probability": None,
    }


def _in_words(result: dict[str, Any]) -> str:
    if not result["assessable"]:
        return f"{result['file']}: not assessable ({', '.join(result['reasons'])})"
    chances = "  ".join(f"{name}: {value:.3f}" for name, value in result["probabilities"].items())
    verdict = "abstains" if result["abstained"] else f"suggests BI-RADS {result['category']}"
    return (
        f"{result['file']}\n"
        f"  model {result['model_version']} {verdict} (computer suggestion, not an assessment)\n"
        f"  {chances}\n"
        f"  probability of category 4 or higher: {result['suspicious_probability']:.3f}"
    )
