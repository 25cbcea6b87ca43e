"""The base of every viewset: JSON in UTF-8, declared permissions, declared filters."""

from typing import ClassVar

from rest_framework.viewsets import GenericViewSet

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission
from mammotrack.api.filters import ByParameters, NoFilters
from mammotrack.api.parsers import JSONBodyParser
from mammotrack.api.schema import ApiSchema
from mammotrack.api.serializers import Shape


class ApiViewSet(GenericViewSet):
    permissions: ClassVar[dict[str, Permission]] = {}  # by action; an action not named is refused
    filters: ClassVar[type[Shape]] = NoFilters

    http_method_names = ["get", "head", "post", "patch"]
    lookup_value_converter = "uuid"
    filter_backends = [ByParameters]
    parser_classes = [JSONBodyParser]
    schema = ApiSchema()

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]  # no other passes
