"""``manage.py database_role``: the rights of the user that serves, set by the database's owner."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from pymongo.errors import OperationFailure

from mammotrack.audit.chain import collection
from mammotrack.audit.database_role import ROLE, renew_role
from mammotrack.audit.models import AuditEntry


class Command(BaseCommand):
    help = (
        "Make or renew the database role of the application, which may append to the audit trail "
        "and neither change nor remove anything there. Run it as the owner, after migrate."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            count = renew_role(collection(AuditEntry).database)
        except OperationFailure as error:
            raise CommandError(f"MongoDB refuses: {error.details or error}") from error
        self.stdout.write(f"The role {ROLE} reaches {count} collections.")
