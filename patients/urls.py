from django.urls import path

from patients import views

app_name = "patients"

urlpatterns = [
    path("", views.patient_list, name="list"),
    path("search/", views.search, name="search"),
    path("new/", views.new, name="new"),
    path("<uuid:patient_id>/", views.detail, name="detail"),
    path("<uuid:patient_id>/edit/", views.edit, name="edit"),
    path("<uuid:patient_id>/therapy/new/", views.add_course, name="add-course"),
    path(
        "<uuid:patient_id>/therapy/<uuid:course_id>/cycles/new/",
        views.add_cycle,
        name="add-cycle",
    ),
    path("<uuid:patient_id>/pathology/new/", views.add_pathology, name="add-pathology"),
]
