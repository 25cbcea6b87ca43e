"""Shadow reports as JSON files."""

import json
from pathlib import Path

from django.core.management.base import CommandError

from analysis.services.shadow import Report


def read_report(path: Path) -> Report:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} is not a report: {error}.") from error
    if not isinstance(report, dict) or not {"active", "candidate", "n"} <= set(report):
        raise CommandError(f"{path} is not a report of shadow_run.")
    return report


def write_report(path: Path, report: Report) -> None:
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
