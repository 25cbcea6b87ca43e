from django.urls import path

from scans import matching_views as matching
from scans import views

app_name = "scans"

urlpatterns = [
    path("patients/<uuid:patient_id>/upload/", views.upload, name="upload"),
    path("patients/<uuid:patient_id>/mammograms/", views.store, name="store"),
    path("mammograms/<uuid:mammogram_id>/display/", views.display, name="display"),
    path("mammograms/<uuid:mammogram_id>/pixels/", views.pixels, name="pixels"),
    path("mammograms/<uuid:mammogram_id>/thumbnail/", views.thumbnail, name="thumbnail"),
    path("unmatched/", matching.waiting, name="unmatched"),
    path("unmatched/<uuid:file_id>/", matching.compare, name="unmatched-file"),
    path("unmatched/<uuid:file_id>/picture/", matching.picture, name="unmatched-picture"),
    path("unmatched/<uuid:file_id>/attach/", matching.attach, name="attach"),
    path("unmatched/<uuid:file_id>/discard/", matching.discard, name="discard"),
]
