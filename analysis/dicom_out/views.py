"""Results as DICOM objects over HTTP."""

from io import BytesIO
from uuid import UUID

from django.http import HttpResponse
from pydicom.dataset import Dataset
from rest_framework.exceptions import NotAcceptable
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from analysis.selectors import recommendation_visible_to
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission
from scans.dicomweb import media_types
from scans.dicomweb.media_types import DICOM
from scans.dicomweb.views import ByMediaType


class DicomResultViewSet(ViewSet):
    permissions = dict.fromkeys(("report", "change_map"), Permission.READ_ANALYSES)
    http_method_names = ["get", "head"]
    content_negotiation_class = ByMediaType
    schema = None

    def report(self, request: Request, recommendation_id: UUID) -> HttpResponse:
        from analysis.dicom_out.report import structured_report  # noqa: PLC0415 -- heavy, rare

        row = recommendation_visible_to(_user(request), recommendation_id)
        return _dicom(request, structured_report(row), name=f"report-{row.pk}")

    def change_map(self, request: Request, recommendation_id: UUID) -> HttpResponse:
        from analysis.dicom_out.change_map import change_map  # noqa: PLC0415 -- heavy, rare

        row = recommendation_visible_to(_user(request), recommendation_id)
        return _dicom(request, change_map(row), name=f"change-map-{row.pk}")


def _user(request: Request) -> User:
    return request.user  # type: ignore[return-value]  # no other passes


def _dicom(request: Request, ds: Dataset, *, name: str) -> HttpResponse:
    if media_types.choose(request.headers.get("Accept", ""), [DICOM]) is None:
        raise NotAcceptable
    written = BytesIO()
    ds.save_as(written, enforce_file_format=True)
    response = HttpResponse(written.getvalue(), content_type=DICOM)
    response["Content-Disposition"] = f'attachment; filename="{name}.dcm"'
    return response
