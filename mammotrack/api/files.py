"""Answers that are files, each of its own media type."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer

from mammotrack.api.filters import NoFilters


def negotiated(kind: str) -> list[type[BaseRenderer]]:
    """What ``Accept`` may name: the file's own kind, and JSON, in which problems are said."""
    of_file = type("FileRenderer", (BaseRenderer,), {"media_type": kind, "format": "file"})
    return [of_file, JSONRenderer]


def answers_file(kind: str, *, operation_id: str) -> Callable[..., Any]:
    """Describes an answer that is a file."""
    return extend_schema(operation_id=operation_id, responses={(200, kind): OpenApiTypes.BINARY})


def file_of_row(kind: str, *, operation_id: str, **options: Any) -> Callable[..., Any]:
    """A GET below a row that answers a file of this media type."""
    routed = action(
        detail=True,
        methods=["get"],
        filters=NoFilters,
        renderer_classes=negotiated(kind),
        **options,
    )
    described = answers_file(kind, operation_id=operation_id)
    return lambda act: described(routed(act))
