"""Filters of a list: those the view names, and nothing else."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from mammotrack.api.serializers import Shape


class NoFilters(Shape):
    pass


class IsSet(serializers.BooleanField):
    """Rows of which a field that may be null is set, or those of which it is not."""

    def __init__(self, *, field: str) -> None:
        super().__init__(source=f"{field}__isnull", required=False)

    def to_internal_value(self, data: Any) -> bool:
        return not super().to_internal_value(data)


class ByParameters(BaseFilterBackend):
    """Holds the query parameters against ``view.filters``. A misspelt filter is an error:
    ignored, it would answer with rows nobody asked for."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: Any) -> QuerySet:
        of_pages = view.paginator.parameters if view.paginator else ()
        given = {n: value for n, value in request.query_params.items() if n not in of_pages}
        wanted = view.filters(data=given)
        wanted.is_valid(raise_exception=True)
        return queryset.filter(**wanted.validated_data)
