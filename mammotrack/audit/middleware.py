"""Every request that touched patient data has left a trace before its answer leaves."""

import hashlib
from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from mammotrack.accounts.models import User
from mammotrack.api.problems import problem_of
from mammotrack.audit import services
from mammotrack.audit.chain import AuditUnavailable
from mammotrack.audit.trace import Trace, tracing
from mammotrack.middleware import PROGRAM_PREFIXES, error_page


class TraceMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with tracing(_trace_of(request)) as traced:
            response = self.get_response(request)
            if not traced.unrecorded():
                return response
            try:
                services.note_read(
                    view=request.resolver_match.view_name if request.resolver_match else "",
                    object_id=_object_of(request),
                    reader=cast(User, request.user) if request.user.is_authenticated else None,
                    traced=traced,
                    method=request.method,
                    status=response.status_code,
                )
            except AuditUnavailable as error:
                response.close()
                return _refusal(request, error)
        return response


def _trace_of(request: HttpRequest) -> Trace:
    key = request.session.session_key or ""
    return Trace(
        auth="token" if "Authorization" in request.headers else "session",
        session=hashlib.sha256(key.encode()).hexdigest()[:16] if key else "",
        ip=request.META.get("REMOTE_ADDR", ""),
    )


def _object_of(request: HttpRequest) -> UUID | None:
    """What the address names last: the page is about that."""
    if request.resolver_match is None:
        return None
    ids = [value for value in request.resolver_match.kwargs.values() if isinstance(value, UUID)]
    return ids[-1] if ids else None


def _refusal(request: HttpRequest, error: AuditUnavailable) -> HttpResponse:
    if request.path.startswith(PROGRAM_PREFIXES):
        return problem_of(request, error)
    return error_page(request, error)
