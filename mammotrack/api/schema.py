"""What the OpenAPI document says beyond what the views show."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, get_lib_doc_excludes
from drf_spectacular.utils import (
    Direction,
    OpenApiParameter,
    OpenApiResponse,
    inline_serializer,
)
from rest_framework import serializers

from mammotrack.api import idempotency, problems
from mammotrack.api.serializers import Answer, Shape

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


PROBLEMS = {
    400: "The request is malformed, or fields or parameters are not valid.",
    401: "Nobody is signed in, or the key is unknown, expired or revoked.",
    403: "The role or the key does not allow it.",
    404: "There is no such record for this caller.",
    406: "Answers are JSON only.",
    409: "It contradicts what is stored.",
    412: "The record was changed since the version in If-Match.",
    413: "The body is too large.",
    415: "The body is of another kind.",
    422: "A rule forbids it.",
    428: "If-Match is missing.",
    429: "Too many requests; see Retry-After.",
    503: "Something it depends on does not answer; see Retry-After.",
}
OF_ANY = {400, 401, 403, 404, 406, 409, 429, 503}  # 409: a parent record that was merged
OF_WRITING = OF_ANY | {413, 415, 422}
OF_VERSIONS = {412, 428}


class ApiSchema(AutoSchema):
    """Every operation names the problems it may answer with, and lists their filters."""

    view: Any

    def get_override_parameters(self) -> list[Any]:
        has_filters = self._is_list_view() and self.view.filters().fields
        return [self.view.filters] if has_filters else self._keys()

    def _keys(self) -> list[OpenApiParameter]:
        action = self.view.action
        if self.method != "POST" or action in self.view.reads_by_post:
            return []
        return [
            OpenApiParameter(
                idempotency.HEADER,
                location=OpenApiParameter.HEADER,
                required=action in self.view.key_required,
                type={"type": "string", "pattern": r"^[!#-~]{8,255}$"},
                description="A new one for each thing that is to be done; see docs/api.md.",
            )
        ]

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for status in self._problem_statuses():
            bodies.setdefault(str(status), self._problem(status, direction))
        return bodies

    def _problem_statuses(self) -> list[int]:
        statuses = OF_ANY if self.method == "GET" else OF_WRITING
        takes_a_version = "If-Match" in {p["name"] for p in self._get_parameters()}
        return sorted(statuses | OF_VERSIONS if takes_a_version else statuses)

    def _problem(self, status: int, direction: Direction) -> dict[str, Any]:
        """One response shared by all operations: the document stays readable."""
        answer = OpenApiResponse(PROBLEM, description=PROBLEMS[status])
        component = ResolvedComponent(
            name=f"Problem{status}",
            type=ResolvedComponent.RESPONSE,
            object=f"Problem{status}",
            schema=self._get_response_for_code(
                answer, str(status), media_types=[problems.MEDIA_TYPE], direction=direction
            ),
        )
        self.registry.register_on_missing(component)
        return component.ref


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "mammotrack.api.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "mt_live_<id>_<secret>"}


class SessionScheme(OpenApiAuthenticationExtension):
    """As in production: development names its cookie otherwise."""

    target_class = "rest_framework.authentication.SessionAuthentication"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "__Host-session"}


def undescribed() -> list[type]:
    """What is said of these is for who writes a view, not for who reads the document."""
    return [*get_lib_doc_excludes(), Answer, Shape]
