"""FHIR R4 over HTTP: capabilities, read, search and bulk export."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.http import (
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    QueryDict,
    StreamingHttpResponse,
)
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.reverse import reverse
from rest_framework.viewsets import ViewSet

from analysis.fhir import includes, search
from analysis.fhir.codes import Json
from analysis.fhir.sources import KINDS
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, can
from mammotrack.api.permissions import check, check_scope
from mammotrack.api.problems import problem_handler
from mammotrack.audit import trace
from mammotrack.errors import NotFound
from mammotrack.models import now

MEDIA_TYPE = "application/fhir+json"
EXPORT_LASTS_S = 24 * 60 * 60
LATEST_COMMIT = timedelta(minutes=2)
"""A row bears the time of its making and is seen when its transaction, a minute long at most, is
saved. Who asks next for what changed since this export gets what came in between again, and misses
nothing."""
FORM = "application/x-www-form-urlencoded"
_ISSUE_TYPES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    415: "not-supported",
    429: "throttled",
    503: "transient",
}


class AlwaysJson(BaseContentNegotiation):
    """There is one representation."""

    def select_parser(self, request: Request, parsers: Any) -> None:
        return None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


def as_outcome(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """The problem document of an error as an OperationOutcome."""
    problem = problem_handler(error, context)
    if problem is None:
        return None
    said = json.loads(problem.content)
    issue = {
        "severity": "error",
        "code": _ISSUE_TYPES.get(problem.status_code, "processing"),
        "details": {"text": said["code"]},
        "diagnostics": f"{said['detail']} (request {said['request_id']})",
    }
    answer = _json({"resourceType": "OperationOutcome", "issue": [issue]}, problem.status_code)
    for name in ("WWW-Authenticate", "Retry-After", "Allow"):
        if name in problem.headers:
            answer[name] = problem.headers[name]
    return answer


class FhirViewSet(ViewSet):
    permissions: ClassVar[dict[str, Permission]] = dict.fromkeys(
        ("capabilities", "one", "many", "search", "export", "export_status", "export_file"),
        Permission.READ_PATIENTS,
    )
    http_method_names = ["get", "head", "post", "delete"]
    content_negotiation_class = AlwaysJson
    schema = None  # the CapabilityStatement describes it

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]  # no other passes

    def get_exception_handler(self) -> Any:
        return as_outcome

    def capabilities(self, request: Request) -> HttpResponse:
        return _json(_capability_statement(request.build_absolute_uri("/fhir/R4")))

    def one(self, request: Request, kind: str, key: str) -> HttpResponse:
        try:
            wanted = UUID(key)
        except ValueError as error:
            raise NotFound(f"There is no such {_known(kind)}.") from error
        return _json(search.read(self.user, self._readable(kind), wanted))

    def many(self, request: Request, kind: str) -> HttpResponse:
        return self._bundle(kind, request.query_params)

    def search(self, request: Request, kind: str) -> HttpResponse:
        """By POST, so that names and numbers stay out of addresses."""
        if request.content_type.partition(";")[0] != FORM:
            raise UnsupportedMediaType(request.content_type)
        return self._bundle(kind, QueryDict(request._request.body))

    def _readable(self, kind: str) -> str:
        """A known kind, which the caller's key was made to read: its door alone is not enough."""
        check_scope(self.request, KINDS[_known(kind)].permission)
        return kind

    def _bundle(self, kind: str, given: QueryDict) -> HttpResponse:
        parameters = {name: given.getlist(name) for name in given}
        page = search.search(self.user, self._readable(kind), parameters)
        beside = self._included(kind, parameters, page.resources)
        here = reverse("fhir:many", [kind], request=self.request)
        links = [{"relation": "self", "url": here}]
        if page.next_cursor:
            # What was searched for by POST is not put into an address: repeat it with the cursor.
            kept = {name: values for name, values in parameters.items() if name != "_cursor"}
            by_get = kept if self.request.method == "GET" else {}
            query = urlencode(by_get | {"_cursor": [page.next_cursor]}, doseq=True)
            links.append({"relation": "next", "url": f"{here}?{query}"})
        entries = [
            self._entry(resource, mode)
            for mode, resources in (("match", page.resources), ("include", beside))
            for resource in resources
        ]
        bundle = {"resourceType": "Bundle", "type": "searchset", "link": links}
        return _json(bundle | ({"entry": entries} if entries else {}))

    def _included(
        self, kind: str, parameters: Mapping[str, list[str]], found: Sequence[Json]
    ) -> list[Json]:
        asked = {}
        for name, supported in (
            ("_include", includes.includes_of(kind)),
            ("_revinclude", includes.revincludes_of(kind)),
        ):
            asked[name] = parameters.get(name, [])
            if unknown := [each for each in asked[name] if each not in supported]:
                raise search.InvalidSearch(
                    f"{name} of {unknown[0][:60]} is not offered for {kind}.", supported=supported
                )
        for each in (*asked["_include"], *asked["_revinclude"]):
            check(self.request, KINDS[includes.kind_included(each)].permission)
        return includes.included(
            self.user, found, includes=asked["_include"], revincludes=asked["_revinclude"]
        )

    def _entry(self, resource: Json, mode: str) -> Json:
        address = reverse("fhir:many", [resource["resourceType"]], request=self.request)
        return {
            "fullUrl": f"{address}/{resource['id']}",
            "resource": resource,
            "search": {"mode": mode},
        }

    # Bulk export ----------------------------------------------------------------------------

    def export(self, request: Request) -> HttpResponse:
        """Kick-off (Bulk Data Access 2.0). What is wanted is signed into the address to ask at:
        the files are written while they are read, so nothing has to be kept."""
        allowed = [kind for kind in KINDS if can(self.user, KINDS[kind].permission)]
        wanted = request.query_params.get("_type", ",".join(allowed)).split(",")
        for name in request.query_params:
            if name not in ("_type", "_since", "_outputFormat"):
                raise search.InvalidSearch(f"{name[:40]} is no parameter of $export.")
        for kind in wanted:
            if self._readable(kind) not in allowed:
                raise NotFound(f"{kind} is not yours to export.")
        since = request.query_params.get("_since")
        if since:
            search.moment(since)
        token = signing.dumps(
            [self.user.pk.hex, wanted, since, now().isoformat()], salt="mammotrack.fhir.export"
        )
        answer = HttpResponse(status=202)
        answer["Content-Location"] = reverse("fhir:export-status", [token], request=request)
        return answer

    def export_status(self, request: Request, token: str) -> HttpResponse:
        wanted, _, until = self._export(token)
        if request.method == "DELETE":
            return HttpResponse(status=202)
        output = [
            {"type": kind, "url": reverse("fhir:export-file", [token, kind], request=request)}
            for kind in wanted
        ]
        return JsonResponse(
            {
                "transactionTime": (until - LATEST_COMMIT).isoformat(),
                "request": request.build_absolute_uri("/fhir/R4/$export"),
                "requiresAccessToken": True,
                "output": output,
                "error": [],
            }
        )

    def export_file(self, request: Request, token: str, kind: str) -> HttpResponseBase:
        wanted, since, until = self._export(token)
        if kind not in wanted:
            raise NotFound("There is no such file.")
        if traced := trace.current():  # the rows are loaded when the trace is written already
            of_whom = search.patients_in(self.user, kind, since=since, until=until)
            for clinic_id in self.user.clinic_ids:
                traced.touched[clinic_id].update(of_whom)
        resources = search.everything(self.user, self._readable(kind), since=since, until=until)
        return StreamingHttpResponse(_lines(resources), content_type="application/fhir+ndjson")

    def _export(self, token: str) -> tuple[list[str], datetime | None, datetime]:
        try:
            key, wanted, since, until = signing.loads(
                token, salt="mammotrack.fhir.export", max_age=EXPORT_LASTS_S
            )
        except signing.BadSignature as error:
            raise NotFound("There is no such export.") from error
        if key != self.user.pk.hex:
            raise NotFound("There is no such export.")
        return wanted, since and search.moment(since), datetime.fromisoformat(until)


class AuditEventViewSet(FhirViewSet):
    """The trail, for those who watch over the records without seeing them."""

    permissions = dict.fromkeys(("one", "many", "search"), Permission.READ_AUDIT)


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise NotFound(f"{kind[:40]} is no type of resource here.")
    return kind


def _lines(resources: Iterator[Json]) -> Iterator[bytes]:
    for resource in resources:
        yield json.dumps(resource, separators=(",", ":")).encode() + b"\n"


def _json(document: Json, status: int = 200) -> HttpResponse:
    return HttpResponse(json.dumps(document), status=status, content_type=MEDIA_TYPE)


def _offered(kind: str) -> Json:
    offered = {
        "searchInclude": includes.includes_of(kind),
        "searchRevInclude": includes.revincludes_of(kind),
    }
    return {name: values for name, values in offered.items() if values}


def _capability_statement(base: str) -> Json:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-22",
        "kind": "instance",
        "software": {"name": "MammoTrack"},
        "implementation": {"description": "Mammograms under therapy", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [
                            {"name": name, "type": type_}
                            for name, type_ in search.parameters_of(kind).items()
                        ],
                        **_offered(kind),
                    }
                    for kind in KINDS
                ],
                "operation": [
                    {
                        "name": "export",
                        "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export",
                    }
                ],
            }
        ],
    }
