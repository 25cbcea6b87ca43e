from django.urls import include, path

from analysis import pair_views, reading_views, views

analysis_patterns = [
    path("analyses/<uuid:job_id>/", views.detail, name="detail"),
    path("analyses/<uuid:job_id>/state/", views.state, name="state"),
    path("analyses/<uuid:job_id>/decision/", views.sign, name="sign"),
    path("analyses/<uuid:job_id>/amendment/", views.amend, name="amend"),
    path("analyses/<uuid:job_id>/countersignature/", views.countersign, name="countersign"),
    path("analyses/<uuid:job_id>/marks/", views.mark, name="mark"),
    path("analyses/<uuid:job_id>/report.pdf", views.report, name="report"),
    path("analyses/<uuid:job_id>/retry/", views.retry, name="retry"),
    path("analyses/<uuid:job_id>/pictures/<slug:name>/", views.picture, name="picture"),
    path("analyses/<uuid:job_id>/correspondence/", views.correspondence, name="correspondence"),
    path("analyses/<uuid:job_id>/heat-maps/<slug:which>/", views.heat_map, name="heat-map"),
    path("mammograms/<uuid:mammogram_id>/analysis/", views.of_mammogram, name="of-mammogram"),
    path(
        "mammograms/<uuid:mammogram_id>/lesions/<int:lesion>/describe/",
        views.describe,
        name="describe",
    ),
    path("readings/", reading_views.to_read, name="to-read"),
    path("readings/agreement/", reading_views.agreement, name="agreement"),
    path("exams/<uuid:exam_id>/reading/", reading_views.reading, name="reading"),
    path(
        "exams/<uuid:exam_id>/breasts/<str:laterality>/arbitration/",
        reading_views.settle,
        name="arbitrate",
    ),
    path("patients/<uuid:patient_id>/compare/", pair_views.compare, name="compare"),
    path(
        "mammograms/<uuid:mammogram_id>/compare/<uuid:prior_id>/",
        pair_views.request_pair,
        name="request-pair",
    ),
    path("exams/<uuid:exam_id>/", pair_views.hanging, name="hanging"),
    path("reference-cases/<slug:name>/picture/", views.reference_picture, name="reference-picture"),
]

urlpatterns = [
    path("worklist/", views.worklist, name="worklist"),
    path("system/", views.system, name="system"),
    path("", include((analysis_patterns, "analysis"))),
]
