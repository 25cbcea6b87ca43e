"""Pipelines that let MongoDB sort by index, join only the page that is shown and send only the
fields that are asked for.

The stock compiler writes ``$lookup, $match, $project, $addFields, $sort, $limit``: it
joins and reshapes the whole collection and then sorts it in memory. Where the filter and
the order look only at the collection itself, the same rows come from
``$match, $sort, $limit, $lookup, $project``, which an index serves.
"""

from typing import Any

from django_mongodb_backend import compiler as stock
from django_mongodb_backend.query import MongoQuery as StockMongoQuery

Pipeline = list[dict[str, Any]]


class MongoQuery(StockMongoQuery):
    def get_pipeline(self) -> Pipeline:
        if not self._can_sort_first():
            return super().get_pipeline()
        pipeline: Pipeline = []
        if self.match_mql:
            pipeline.append({"$match": self.match_mql})
        if self.ordering:
            pipeline.append({"$sort": self.ordering})
        if self.query.low_mark:
            pipeline.append({"$skip": self.query.low_mark})
        if self.query.high_mark is not None:
            pipeline.append({"$limit": self.query.high_mark - self.query.low_mark})
        pipeline += self._join_stages()
        if self.project_fields:
            pipeline.append({"$project": self.project_fields})
        return pipeline

    def _can_sort_first(self) -> bool:
        """Whether joining and projecting after ``$limit`` gives the same rows."""
        if (
            self.search_pipeline
            or self.aggregation_pipeline
            or self.combinator_pipeline
            or self.subquery_lookup
            or self.extra_fields
        ):
            return False
        sorts_on_stored_columns = all(
            not self.project_fields or self.project_fields.get(column) == 1
            for column in self.ordering
        )
        return (
            sorts_on_stored_columns
            and self._joins_keep_rows()
            and not _mentions([self.match_mql, dict(self.ordering)], self._joined_names())
        )

    def _join_stages(self) -> Pipeline:
        stages: Pipeline = list(self.lookup_pipeline or ())
        for subquery in self.subqueries or ():
            stages += subquery.get_pipeline()
        return stages

    def _joins_keep_rows(self) -> bool:
        """Whether each row meets one row at most in every join (foreign keys and
        subqueries), and no join filters. A row whose foreign key points nowhere would
        be dropped after the page was cut; Django's on_delete keeps those from existing."""
        aliases = self.query.alias_map
        lookups = [stage["$lookup"] for stage in self.lookup_pipeline or () if "$lookup" in stage]
        for lookup in lookups:
            to_field = aliases[lookup["as"]].join_field
            if lookup["pipeline"] or not (to_field.many_to_one or to_field.one_to_one):
                return False
        return all(subquery.subquery_lookup for subquery in self.subqueries or ())

    def _joined_names(self) -> set[str]:
        return {stage["$lookup"]["as"] for stage in self._join_stages() if "$lookup" in stage}


class IndexFriendly:
    """Mixin of all compilers."""

    query_class = MongoQuery

    def build_query(self, columns: Any = None) -> MongoQuery:
        """Build without the ``$addFields {x: "$x"}`` that the stock compiler puts before
        each ``$sort``: it changes nothing, and it hides from the planner that x is indexed."""
        query: MongoQuery = super().build_query(columns)  # type: ignore[misc]
        if query.extra_fields:
            query.extra_fields = {
                name: value for name, value in query.extra_fields.items() if value != f"${name}"
            }
        return query


def _mentions(mql: Any, names: set[str]) -> bool:
    """Whether any key or string of ``mql`` is, or is a path into, one of ``names``."""
    if isinstance(mql, str):
        return mql.lstrip("$").split(".", 1)[0] in names
    if isinstance(mql, dict):
        return any(_mentions(key, names) or _mentions(mql[key], names) for key in mql)
    if isinstance(mql, list | tuple | set):
        return any(_mentions(item, names) for item in mql)
    return False


class SQLCompiler(IndexFriendly, stock.SQLCompiler):
    def build_query(self, columns: Any = None) -> MongoQuery:
        """Ask for no field that ``only`` or ``defer`` leaves out: the stock compiler drops such
        a field when it has come."""
        names, are_left_out = self.query.deferred_loading
        if columns is None and (names or not are_left_out):
            columns = self.columns
        return super().build_query(columns)


class SQLInsertCompiler(IndexFriendly, stock.SQLInsertCompiler):
    pass


class SQLDeleteCompiler(IndexFriendly, stock.SQLDeleteCompiler):
    pass


class SQLUpdateCompiler(IndexFriendly, stock.SQLUpdateCompiler):
    pass


class SQLAggregateCompiler(IndexFriendly, stock.SQLAggregateCompiler):
    pass
