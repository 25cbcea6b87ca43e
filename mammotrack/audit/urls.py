from django.urls import path

from mammotrack.audit import views

app_name = "audit"

urlpatterns = [
    path("", views.index, name="index"),
    path("trail/", views.trail, name="trail"),
    path("trail.csv", views.export, name="export"),
    path("verify/", views.verify, name="verify"),
    path("patients/<uuid:patient_id>/", views.accesses, name="accesses"),
]
