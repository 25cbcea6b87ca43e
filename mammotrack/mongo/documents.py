"""Stored documents as rows, for the few questions that come with every request.

There the ORM takes several times as long to put the question as the database takes to answer it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connections, models
from django_mongodb_backend.query import wrap_database_errors

from .base import DatabaseWrapper

Document = dict[str, Any]
Row = TypeVar("Row", bound=models.Model)


@wrap_database_errors
def aggregate(model: type[models.Model], pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
    """What the pipeline makes of the model's documents; outside any transaction."""
    mongo = cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS])
    return list(mongo.get_collection(model._meta.db_table).aggregate(pipeline))


def lookup(model: type[models.Model], *, local: str, foreign: str, name: str) -> Document:
    """The stage that puts the model's documents beside each, as the list ``name``."""
    join = {"from": model._meta.db_table, "localField": local, "foreignField": foreign, "as": name}
    return {"$lookup": join}


def row_of(model: type[Row], document: Mapping[str, Any]) -> Row:
    fields = model._meta.concrete_fields
    values = [_value(field, document.get(field.column or "")) for field in fields]
    return model.from_db(DEFAULT_DB_ALIAS, [field.attname for field in fields], values)


def _value(field: Any, stored: Any) -> Any:
    if isinstance(stored, datetime):
        stored = stored.replace(tzinfo=UTC)
    return stored if stored is None else field.to_python(stored)
