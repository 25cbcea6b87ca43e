from django.urls import path

from patients import emergency_views, keeping_views, record_views, views

app_name = "patients"

urlpatterns = [
    path("", views.patient_list, name="list"),
    path("search/", views.search, name="search"),
    path("new/", views.new, name="new"),
    path("<uuid:patient_id>/", views.detail, name="detail"),
    path("<uuid:patient_id>/edit/", views.edit, name="edit"),
    path("emergency/", emergency_views.emergency, name="emergency"),
    path("emergency/<uuid:access_id>/end/", emergency_views.end, name="end-emergency"),
    path("emergency/accesses/", emergency_views.accesses, name="emergency-accesses"),
    path("emergency/<uuid:access_id>/review/", emergency_views.review, name="review-emergency"),
    path("archived/", keeping_views.archived, name="archived"),
    path("<uuid:patient_id>/merge/", keeping_views.merge, name="merge"),
    path(
        "<uuid:patient_id>/merges/<uuid:merge_id>/undo/",
        keeping_views.undo_merge,
        name="undo-merge",
    ),
    path("<uuid:patient_id>/archive/", keeping_views.archive, name="archive"),
    path("<uuid:patient_id>/restore/", keeping_views.restore, name="restore"),
    path("<uuid:patient_id>/hold/", keeping_views.hold, name="hold"),
    path("<uuid:patient_id>/consent/", record_views.consent, name="consent"),
    path("<uuid:patient_id>/history/", record_views.history, name="history"),
    path(
        "<uuid:patient_id>/history/<uuid:entry_id>/retract/",
        record_views.retract_history,
        name="retract-history",
    ),
    path("<uuid:patient_id>/therapy/new/", views.add_course, name="add-course"),
    path(
        "<uuid:patient_id>/therapy/<uuid:course_id>/cycles/new/",
        views.add_cycle,
        name="add-cycle",
    ),
    path("<uuid:patient_id>/therapy/<uuid:course_id>/", views.amend_course, name="amend-course"),
    path(
        "<uuid:patient_id>/therapy/<uuid:course_id>/cycles/<uuid:cycle_id>/",
        views.amend_cycle,
        name="amend-cycle",
    ),
    path("<uuid:patient_id>/pathology/new/", views.add_pathology, name="add-pathology"),
    path(
        "<uuid:patient_id>/pathology/<uuid:report_id>/",
        views.amend_pathology,
        name="amend-pathology",
    ),
]
