"""``manage.py audit_report``: who opened this patient's record?"""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from mammotrack.audit import spool
from mammotrack.audit.selectors import all_accesses_of


class Command(BaseCommand):
    help = "List everybody who saw or changed anything of one patient, newest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--patient", type=UUID, required=True, help="the patient's id")

    def handle(self, *_args: Any, patient: UUID, **_options: Any) -> None:
        spool.drain()
        for access in all_accesses_of(patient):
            who = access.actor.username if access.actor else "the system"
            self.stdout.write(
                f"{access.at:%Y-%m-%d %H:%M:%S}  {who}  {access.role}  {access.action}"
                f"  {access.view}  {access.auth}  {access.chain} {access.seq}"
            )
