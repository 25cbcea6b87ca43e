"""Results as DICOM objects, below /dicomweb/."""

from django.urls import path

from analysis.dicom_out.views import DicomResultViewSet

app_name = "dicom-results"

urlpatterns = [
    path(
        "recommendations/<uuid:recommendation_id>/report",
        DicomResultViewSet.as_view({"get": "report"}),
        name="report",
    ),
    path(
        "recommendations/<uuid:recommendation_id>/change-map",
        DicomResultViewSet.as_view({"get": "change_map"}),
        name="change-map",
    ),
]
