"""Lists in pages, newest first. The cursor names the last row seen, so that rows added
meanwhile neither repeat nor hide one."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.db.models import Q
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

PAGE_SIZE = 50
MAX_PAGE_SIZE = 100


class NewestFirstPagination(BasePagination):
    """By ``(created_at, id)`` downwards. Cursors are signed: a changed one is an error."""

    cursor_parameter = "cursor"
    size_parameter = "page_size"
    parameters = frozenset({cursor_parameter, size_parameter})

    _signer = signing.Signer(salt="mammotrack.api.cursor")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        size = self._size(request)
        if cursor := request.query_params.get(self.cursor_parameter):
            created_at, key = self._position(cursor)
            # The first condition says nothing new: it bounds the index that serves the order.
            queryset = queryset.filter(created_at__lte=created_at).filter(
                Q(created_at__lt=created_at) | Q(created_at=created_at, pk__lt=key)
            )
        found = list(queryset.order_by("-created_at", "-pk")[: size + 1])
        page = found[:size]
        self._next = self._address_after(page[-1], request) if len(found) > size else None
        return page

    def get_paginated_response(self, data: Any) -> Response:
        headers = {"Link": f'<{self._next}>; rel="next"'} if self._next else None
        return Response({"next": self._next, "results": data}, headers=headers)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {
                    "type": ["string", "null"],
                    "format": "uri",
                    "description": "Where older rows are; null on the last page.",
                },
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": self.cursor_parameter,
                "in": "query",
                "description": "Taken from `next`; never made by hand.",
                "schema": {"type": "string"},
            },
            {
                "name": self.size_parameter,
                "in": "query",
                "description": f"Rows a page; more than {MAX_PAGE_SIZE} counts as that.",
                "schema": {"type": "integer", "minimum": 1, "default": PAGE_SIZE},
            },
        ]

    def _size(self, request: Request) -> int:
        sent = request.query_params.get(self.size_parameter, str(PAGE_SIZE))
        if not (sent.isascii() and sent.isdecimal() and len(sent) < 20 and int(sent)):
            raise ValidationError({self.size_parameter: "A whole number above 0 is needed."})
        return min(int(sent), MAX_PAGE_SIZE)

    def _position(self, cursor: str) -> tuple[datetime, UUID]:
        try:
            created_at, key = self._signer.unsign_object(cursor)
        except signing.BadSignature as error:
            detail = {self.cursor_parameter: "This cursor was not made here."}
            raise ValidationError(detail, code="invalid_cursor") from error
        return datetime.fromisoformat(created_at), UUID(key)

    def _address_after(self, row: Any, request: Request) -> str:
        cursor = self._signer.sign_object([row.created_at.isoformat(), row.pk.hex])
        parameters = request.query_params.dict() | {self.cursor_parameter: cursor}
        return f"{request.build_absolute_uri(request.path)}?{urlencode(parameters)}"
