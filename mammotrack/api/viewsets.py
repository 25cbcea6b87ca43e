"""The base of every viewset: JSON in UTF-8, declared permissions, declared filters."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, cast

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission
from mammotrack.api import idempotency
from mammotrack.api.filters import ByParameters, NoFilters
from mammotrack.api.parsers import JSONBodyParser
from mammotrack.api.schema import ApiSchema
from mammotrack.api.serializers import Shape
from mammotrack.api.throttling import Rate
from mammotrack.api.versions import Retirement, unless_read_before


class ApiViewSet(GenericViewSet):
    permissions: ClassVar[dict[str, Permission]] = {}  # by action; an action not named is refused
    filters: ClassVar[type[Shape]] = NoFilters
    reads_by_post: ClassVar[frozenset[str]] = frozenset()  # actions with nothing to do twice
    key_required: ClassVar[frozenset[str]] = frozenset()  # actions that need an Idempotency-Key
    retirement: ClassVar[Retirement | None] = None
    rate: Rate | None = None

    http_method_names = ["get", "head", "post", "patch"]
    lookup_value_converter = "uuid"
    filter_backends = [ByParameters]
    parser_classes = [JSONBodyParser]
    schema = ApiSchema()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]  # no other passes

    def asked(self, shape: type[Shape], *, partial: bool = False) -> dict[str, Any]:
        """The request's body in that shape."""
        wanted = shape(data=self.request.data, partial=partial)
        wanted.is_valid(raise_exception=True)
        return wanted.validated_data

    def created(self, row: Model, *, at: str) -> Response:
        """201 with the new row and its address."""
        return Response(
            self.get_serializer(row).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse(at, [row.pk])},
        )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and self.action not in self.reads_by_post:
            act: Callable[..., Response] = getattr(self, self.action)
            required = self.action in self.key_required
            self.post = partial(idempotency.once, act, required=required)  # looked up next

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = cast(HttpResponse, super().dispatch(request, *args, **kwargs))
        response = unless_read_before(request, answer)
        for told in (self.rate, self.retirement):
            if told:
                told.add_to(response)
        return response
