"""What the OpenAPI document says beyond what the views show."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiResponse, inline_serializer
from rest_framework import serializers

from mammotrack.api import problems

FIELD_PROBLEM = inline_serializer(
    "FieldProblem",
    {
        "pointer": serializers.CharField(help_text="JSON pointer (RFC 6901) or query parameter."),
        "code": serializers.CharField(),
        "message": serializers.CharField(),
    },
    many=True,
    required=False,
)
PROBLEM = inline_serializer(
    "Problem",
    {
        "type": serializers.CharField(help_text="/problems/ and the code."),
        "title": serializers.CharField(),
        "status": serializers.IntegerField(),
        "detail": serializers.CharField(help_text="A sentence for the person who asked."),
        "instance": serializers.CharField(),
        "request_id": serializers.CharField(help_text="Where to find this request in the log."),
        "code": serializers.CharField(help_text="Stable; docs/api.md lists all."),
        "context": serializers.DictField(required=False, help_text="Ids, counts and limits."),
        "errors": FIELD_PROBLEM,
    },
)


class ApiSchema(AutoSchema):
    """Every operation may answer with a problem, and lists name their filters."""

    view: Any

    def get_override_parameters(self) -> list[Any]:
        has_filters = self._is_list_view() and self.view.filters().fields
        return [self.view.filters] if has_filters else []

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        answer = OpenApiResponse(PROBLEM, description="Why it was not done.")
        bodies["default"] = self._get_response_for_code(
            answer, "default", media_types=[problems.MEDIA_TYPE], direction=direction
        )
        return bodies


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "mammotrack.api.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "mt_<id>_<secret>"}


class SessionScheme(OpenApiAuthenticationExtension):
    """As in production: development names its cookie otherwise."""

    target_class = "rest_framework.authentication.SessionAuthentication"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "__Host-session"}
