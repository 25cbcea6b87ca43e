from django.urls import path

from scans import views

app_name = "scans"

urlpatterns = [
    path("patients/<uuid:patient_id>/upload/", views.upload, name="upload"),
    path("patients/<uuid:patient_id>/mammograms/", views.store, name="store"),
    path("mammograms/<uuid:mammogram_id>/display/", views.display, name="display"),
    path("mammograms/<uuid:mammogram_id>/pixels/", views.pixels, name="pixels"),
    path("mammograms/<uuid:mammogram_id>/thumbnail/", views.thumbnail, name="thumbnail"),
]
