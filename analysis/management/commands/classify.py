"""Classify mammogram files. Needs no database."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.errors import FileRefused
from analysis.management.progress import tracked
from ml_models.errors import ModelError
from scans.choices import Laterality, View

UNUSABLE_MODEL = 3
"""Exit status where the model cannot be loaded: not the file's fault."""


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
        parser.add_argument(
            "--heatmap", type=Path, metavar="PNG", help="write where in a file the evidence lies"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a file")

    def handle(self, **options: Any) -> None:
        if options["heatmap"] and options["files"]:
            raise CommandError("--heatmap goes with one FILE.")
        try:
            if options["files"]:
                self._classify_table(options["files"])
                return
            result = classify_file(
                options["file"],
                laterality=options["laterality"],
                view=options["view"],
                heat_map=options["heatmap"],
            )
        except FileRefused as error:
            raise CommandError(f"{error.code}: {error}") from error
        except ModelError as error:
            raise CommandError(f"{error.code}: {error}", returncode=UNUSABLE_MODEL) from error
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


def classify_file(
    path: Path, *, laterality: str | None, view: str | None, heat_map: Path | None = None
) -> dict[str, Any]:
    """Classify a file; `heat_map` is where the picture of the evidence goes, if there is one."""
    from analysis.files import opened  # noqa: PLC0415 -- OpenCV
    from analysis.imaging.heat import heat_figure  # noqa: PLC0415 -- OpenCV
    from analysis.inference import classifier  # noqa: PLC0415 -- OpenVINO

    with opened(path, laterality=laterality, view=view) as picture:
        prepared = picture.prepare()
        found = classifier().explain(prepared)
    if heat_map and found.heat_map:
        heat_map.write_bytes(heat_figure(prepared, found.heat_map.heat))
    return {
        "file": str(path),
        **found.classification.as_dict(),
        "heat_outside_share": found.heat_map.outside_share if found.heat_map else None,
        "heat_plausible": found.heat_map.plausible if found.heat_map else None,
    }


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
        "heat_outside_share": None,
        "heat_plausible": None,
    }


def _in_words(result: dict[str, Any]) -> str:
    if not result["assessable"]:
        return f"{result['file']}: not assessable ({', '.join(result['reasons'])})"
    chances = "  ".join(f"{name}: {value:.3f}" for name, value in result["probabilities"].items())
    verdict = "abstains" if result["abstained"] else f"suggests BI-RADS {result['category']}"
    share = result["heat_outside_share"]
    doubt = "" if result["heat_plausible"] in (True, None) else ": do not rely on this answer"
    return (
        f"{result['file']}\n"
        f"  model {result['model_version']} {verdict} (computer suggestion, not an assessment)\n"
        f"  {chances}\n"
        f"  probability of category 4 or higher: {result['suspicious_probability']:.3f}\n"
        "  by appearance alone; categories 0 and 1 are not among the classes, 6 needs pathology\n"
        f"  evidence beside the breast: {'not known' if share is None else f'{share:.0%}'}{doubt}"
    )
