from django.urls import include, path

from analysis.views import case, findings, pairs, pictures, readings, renewing, samples

analysis_patterns = [
    path("analyses/<uuid:job_id>/", case.detail, name="detail"),
    path("analyses/<uuid:job_id>/state/", renewing.state, name="state"),
    path("analyses/<uuid:job_id>/decision/", case.sign, name="sign"),
    path("analyses/<uuid:job_id>/amendment/", case.amend, name="amend"),
    path("analyses/<uuid:job_id>/countersignature/", case.countersign, name="countersign"),
    path("analyses/<uuid:job_id>/marks/", case.mark, name="mark"),
    path("analyses/<uuid:job_id>/report.pdf", case.report, name="report"),
    path("analyses/<uuid:job_id>/retry/", case.retry, name="retry"),
    path("analyses/<uuid:job_id>/pictures/<slug:name>/", pictures.picture, name="picture"),
    path("analyses/<uuid:job_id>/correspondence/", pictures.correspondence, name="correspondence"),
    path("analyses/<uuid:job_id>/heat-maps/<slug:which>/", pictures.heat_map, name="heat-map"),
    path("mammograms/<uuid:mammogram_id>/analysis/", renewing.of_mammogram, name="of-mammogram"),
    path(
        "mammograms/<uuid:mammogram_id>/lesions/<int:lesion>/describe/",
        findings.describe,
        name="describe",
    ),
    path("system/samples/", samples.load, name="load-samples"),
    path("readings/", readings.to_read, name="to-read"),
    path("readings/agreement/", readings.agreement, name="agreement"),
    path("exams/<uuid:exam_id>/reading/", readings.reading, name="reading"),
    path(
        "exams/<uuid:exam_id>/breasts/<str:laterality>/arbitration/",
        readings.settle,
        name="arbitrate",
    ),
    path("patients/<uuid:patient_id>/compare/", pairs.compare, name="compare"),
    path(
        "mammograms/<uuid:mammogram_id>/compare/<uuid:prior_id>/",
        pairs.request_pair,
        name="request-pair",
    ),
    path("exams/<uuid:exam_id>/", pairs.hanging, name="hanging"),
    path(
        "reference-cases/<slug:name>/picture/", pictures.reference_picture, name="reference-picture"
    ),
]

urlpatterns = [
    path("worklist/", renewing.worklist, name="worklist"),
    path("system/", renewing.system, name="system"),
    path("", include((analysis_patterns, "analysis"))),
]
