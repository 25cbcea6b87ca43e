"""Following a foreign key with ``prefetch_related`` through the index of the key.

Django asks for the related rows with a tuple lookup, ``(id) IN ((1), (2))``. The stock
backend turns it into a computed ``$expr``, which no index serves, so every prefetch reads
the whole collection. A tuple of one column is a plain ``$in``.
"""

from typing import Any

from django.db.models.expressions import ColPairs
from django.db.models.fields.tuple_lookups import TupleIn
from django.db.models.lookups import In

_stock_tuple_in = TupleIn.as_mql  # type: ignore[attr-defined]


def tuple_in(self: TupleIn, compiler: Any, connection: Any, as_expr: bool = False) -> Any:
    columns = self.lhs.get_cols() if isinstance(self.lhs, ColPairs) else []
    if len(columns) == 1 and self.rhs_is_direct_value():
        plain: Any = In(columns[0], [value for (value,) in self.rhs])
        return plain.as_mql(compiler, connection, as_expr=as_expr)
    return _stock_tuple_in(self, compiler, connection, as_expr=as_expr)


def register() -> None:
    TupleIn.as_mql = tuple_in  # type: ignore[attr-defined]
