"""Every address below /fhir/R4/. As the standard has them, none ends with a slash."""

from typing import Any

from django.urls import URLPattern, path

from analysis.fhir.views import AuditEventViewSet, FhirViewSet

app_name = "fhir"


def _at(address: str, name: str, **actions: Any) -> URLPattern:
    return path(address, FhirViewSet.as_view(actions), name=name)


def _of_audit(address: str, name: str, **actions: Any) -> URLPattern:
    view = AuditEventViewSet.as_view(actions)
    return path(address, view, kwargs={"kind": "AuditEvent"}, name=name)


urlpatterns = [
    _at("metadata", "capabilities", get="capabilities"),
    _at("$export", "export", get="export"),
    _at("$export/<str:token>", "export-status", get="export_status", delete="export_status"),
    _at("$export/<str:token>/<str:kind>.ndjson", "export-file", get="export_file"),
    _of_audit("AuditEvent", "audit-events", get="many"),
    _of_audit("AuditEvent/_search", "audit-search", post="search"),
    _of_audit("AuditEvent/<str:key>", "audit-event", get="one"),
    _at("<str:kind>", "many", get="many"),
    _at("<str:kind>/_search", "search", post="search"),
    _at("<str:kind>/<str:key>", "one", get="one"),
]
