"""``manage.py fsck``: do documents, files and the audit trail agree?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from pymongo.errors import PyMongoError

from analysis.integrity import check

BROKEN, NOT_RUN = 1, 2


class Command(BaseCommand):
    help = "Check the store. Exits with 0 if all is well, 1 if not, 2 if it could not run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--repair",
            action="store_true",
            help="make spoilt pictures anew and move strays of yesterday to lost+found",
        )

    def handle(self, *_args: Any, repair: bool, **_options: Any) -> None:
        found = left = 0
        try:
            for problem in check(repair=repair):
                found += 1
                left += not problem.repaired
                ending = " (repaired)" if problem.repaired else ""
                self.stdout.write(f"{problem.kind}: {problem.what}{ending}")
        except (DatabaseError, PyMongoError, OSError) as error:
            sentence = f"The store could not be checked: {type(error).__name__}: {error}"
            raise CommandError(sentence, returncode=NOT_RUN) from error
        self.stdout.write(f"{found} problems, {found - left} repaired.")
        if left:
            raise SystemExit(BROKEN)
