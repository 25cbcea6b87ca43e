"""What the application's own database user may do: everything but change or remove the trail.

MongoDB only ever adds rights, so the role names each collection. Whoever migrates is another
user, and renews the role afterwards.
"""

from typing import Any

from django.apps import apps
from django.db.migrations.recorder import MigrationRecorder
from pymongo.database import Database

from mammotrack.audit.models import AppendOnlyModel

ROLE = "mammotrack"
READ = ("find",)
APPEND = ("find", "insert")
CHANGE = ("find", "insert", "update", "remove")


def renew_role(database: Database[dict[str, Any]]) -> int:
    """Make the role, or give it the collections of today; returns how many they are."""
    rights = rights_by_collection()
    privileges = [
        {"resource": {"db": database.name, "collection": name}, "actions": list(actions)}
        for name, actions in {"": ("listCollections",), **rights}.items()
    ]
    known = database.command("rolesInfo", ROLE)["roles"]
    command = "updateRole" if known else "createRole"
    database.command(command, ROLE, privileges=privileges, roles=[])
    return len(rights)


def rights_by_collection() -> dict[str, tuple[str, ...]]:
    rights = {
        model._meta.db_table: APPEND if issubclass(model, AppendOnlyModel) else CHANGE
        for model in apps.get_models(include_auto_created=True)
    }
    return rights | {MigrationRecorder.Migration._meta.db_table: READ}
