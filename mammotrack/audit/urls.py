from django.urls import path

from mammotrack.audit import views

app_name = "audit"

urlpatterns = [
    path("", views.index, name="index"),
    path("patients/<uuid:patient_id>/", views.accesses, name="accesses"),
]
