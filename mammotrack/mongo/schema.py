"""Unique indexes that queries can use.

The stock backend makes every unique index partial, on ``{column: {"$type": ...}}``, so
that many rows may hold NULL as in SQL. The planner uses a partial index only when the
query repeats its condition, which Django's never do: ``get(email=...)`` would read the
whole collection. Columns that are never NULL need no such condition.
"""

from typing import Any, cast

from django.db.models import Field, Index, Model, UniqueConstraint
from django_mongodb_backend.schema import DatabaseSchemaEditor as StockDatabaseSchemaEditor


class DatabaseSchemaEditor(StockDatabaseSchemaEditor):
    def add_index(
        self,
        model: type[Model],
        index: Index,
        *,
        field: Field | None = None,
        unique: bool = False,
        **embedded: Any,
    ) -> None:
        fields = [field] if field else [model._meta.get_field(n) for n, _ in index.fields_orders]
        if not unique or embedded.get("column_prefix") or any(field.null for field in fields):
            super().add_index(model, index, field=field, unique=unique, **embedded)
            return
        definition = cast(Any, index).get_pymongo_index_model(
            model, schema_editor=self, field=field
        )
        definition.document["unique"] = True
        self.get_collection(model._meta.db_table).create_indexes([definition])

    def _alter_field(
        self, model: type[Model], old_field: Field, new_field: Field, *args: Any, **kwargs: Any
    ) -> None:
        """Rebuild the unique indexes of a column that begins or ceases to allow NULL."""
        super()._alter_field(model, old_field, new_field, *args, **kwargs)
        if old_field.null == new_field.null:
            return
        if self._field_should_have_unique(old_field) and self._field_should_have_unique(new_field):
            self._remove_field_unique(model, new_field)
            self._add_field_unique(new_field.model, new_field)
        for constraint in model._meta.constraints:
            if isinstance(constraint, UniqueConstraint) and new_field.name in constraint.fields:
                self.remove_constraint(model, constraint)
                self.add_constraint(new_field.model, constraint)
