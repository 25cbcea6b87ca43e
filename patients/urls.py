from django.urls import path

from patients.views import emergency, keeping, people, record, treatment

app_name = "patients"

urlpatterns = [
    path("", people.patient_list, name="list"),
    path("search/", people.search, name="search"),
    path("new/", people.new, name="new"),
    path("<uuid:patient_id>/", people.detail, name="detail"),
    path("<uuid:patient_id>/edit/", people.edit, name="edit"),
    path("emergency/", emergency.emergency, name="emergency"),
    path("emergency/<uuid:access_id>/end/", emergency.end, name="end-emergency"),
    path("emergency/accesses/", emergency.accesses, name="emergency-accesses"),
    path("emergency/<uuid:access_id>/review/", emergency.review, name="review-emergency"),
    path("archived/", keeping.archived, name="archived"),
    path("<uuid:patient_id>/merge/", keeping.merge, name="merge"),
    path(
        "<uuid:patient_id>/merges/<uuid:merge_id>/undo/",
        keeping.undo_merge,
        name="undo-merge",
    ),
    path("<uuid:patient_id>/archive/", keeping.archive, name="archive"),
    path("<uuid:patient_id>/restore/", keeping.restore, name="restore"),
    path("<uuid:patient_id>/hold/", keeping.hold, name="hold"),
    path("<uuid:patient_id>/consent/", record.consent, name="consent"),
    path("<uuid:patient_id>/history/", record.history, name="history"),
    path(
        "<uuid:patient_id>/history/<uuid:entry_id>/retract/",
        record.retract_history,
        name="retract-history",
    ),
    path("<uuid:patient_id>/therapy/new/", treatment.add_course, name="add-course"),
    path(
        "<uuid:patient_id>/therapy/<uuid:course_id>/cycles/new/",
        treatment.add_cycle,
        name="add-cycle",
    ),
    path(
        "<uuid:patient_id>/therapy/<uuid:course_id>/", treatment.amend_course, name="amend-course"
    ),
    path(
        "<uuid:patient_id>/therapy/<uuid:course_id>/cycles/<uuid:cycle_id>/",
        treatment.amend_cycle,
        name="amend-cycle",
    ),
    path("<uuid:patient_id>/pathology/new/", treatment.add_pathology, name="add-pathology"),
    path(
        "<uuid:patient_id>/pathology/<uuid:report_id>/",
        treatment.amend_pathology,
        name="amend-pathology",
    ),
]
