"""``manage.py audit_verify``: is the audit trail what was written?"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from mammotrack.audit import spool
from mammotrack.audit.verify import Report, verify
from mammotrack.errors import MammoTrackError

BROKEN, NOT_RUN = 1, 2


class Command(BaseCommand):
    help = "Check the audit trail. Exits with 0 if it is intact, 1 if not, 2 if it could not run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--chain", help="a clinic's id, or system; all of them if left out")
        parser.add_argument("--from", dest="start", type=int, default=1, help="first entry to read")
        parser.add_argument("--anchors", type=Path, help="a copy of anchors.jsonl to hold against")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(
        self,
        *_args: Any,
        chain: str | None,
        start: int,
        anchors: Path | None,
        json: bool,
        **_options: Any,
    ) -> None:
        try:
            spool.drain()
            report = verify(chain=chain, start=start, anchors_file=anchors)
        except (
            DatabaseError,
            PyMongoError,
            MammoTrackError,
            ImproperlyConfigured,
            OSError,
            ValueError,
        ) as error:
            sentence = f"The trail could not be checked: {type(error).__name__}: {error}"
            raise CommandError(sentence, returncode=NOT_RUN) from error
        self.stdout.write(_as_json(report) if json else _as_text(report))
        if not report.is_intact:
            raise SystemExit(BROKEN)


def _as_json(report: Report) -> str:
    return json.dumps(report.as_dict())


def _as_text(report: Report) -> str:
    lines = [
        f"{finding.kind}: {finding.chain} from {finding.seq}: {finding.what}"
        for finding in report.findings
    ]
    verdict = "intact" if report.is_intact else "BROKEN"
    lines.append(
        f"{verdict}: {report.entries} entries in {report.chains} chains, {report.anchors} anchors"
    )
    return "\n".join(lines)
