"""Every address below /api/v1/."""

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from analysis.api import (
    agreement,
    classifications,
    comparisons,
    decisions,
    findings,
    jobs,
    marks,
    readings,
    recommendations,
    similar_cases,
    system,
    timeline,
)
from mammotrack.audit import api as audit
from mammotrack.audit import chains_api as chains
from mammotrack.webhooks import api as webhooks
from patients.api import emergency, people, record, treatment
from scans import api as scans
from scans import unmatched_api as unmatched

app_name = "api"

router = SimpleRouter(use_regex_path=False)
router.register("clinics", people.ClinicViewSet, "clinic")
router.register("patients", people.PatientViewSet, "patient")
router.register("patients/<uuid:patient_id>/therapy-courses", treatment.CourseViewSet, "course")
router.register(
    "patients/<uuid:patient_id>/pathology-reports", treatment.PathologyViewSet, "pathology"
)
router.register("patients/<uuid:patient_id>/consents", record.ConsentViewSet, "consent")
router.register("patients/<uuid:patient_id>/history", record.HistoryViewSet, "history")
router.register("patients/<uuid:patient_id>/merges", record.MergeViewSet, "merge")
router.register("patients/<uuid:patient_id>/timeline", timeline.TimelineViewSet, "timeline")
router.register("patients/<uuid:patient_id>/accesses", audit.AccessViewSet, "access")
router.register("therapy-courses/<uuid:course_id>/cycles", treatment.CycleViewSet, "cycle")
router.register("exams", scans.ExamViewSet, "exam")
router.register("mammograms", scans.MammogramViewSet, "mammogram")
router.register("unmatched-files", unmatched.UnmatchedFileViewSet, "unmatched-file")
router.register("analyses", jobs.AnalysisViewSet, "analysis")
router.register("exam-results", classifications.ExamResultViewSet, "exam-result")
router.register("lesion-marks", marks.LesionMarkViewSet, "lesion-mark")
router.register("predictions", classifications.PredictionViewSet, "prediction")
router.register("comparisons", comparisons.ComparisonViewSet, "comparison")
router.register("recommendations", recommendations.RecommendationViewSet, "recommendation")
router.register("decisions", decisions.DecisionViewSet, "decision")
router.register("readings", readings.ReadingViewSet, "reading")
router.register("arbitrations", readings.ArbitrationViewSet, "arbitration")
router.register("reader-agreement", agreement.AgreementViewSet, "reader-agreement")
router.register("findings", findings.FindingViewSet, "finding")
router.register("similar-cases", similar_cases.SimilarCasesViewSet, "similar-cases")
router.register(
    "reference-cases/<slug:name>/picture",
    similar_cases.ReferencePictureViewSet,
    "reference-picture",
)
router.register("emergency-accesses", emergency.EmergencyAccessViewSet, "emergency")
router.register("audit-chains", chains.ChainViewSet, "audit-chain")
router.register("system", system.SystemViewSet, "system")
router.register("webhooks", webhooks.WebhookViewSet, "webhook")
router.register(
    "webhooks/<uuid:webhook_id>/deliveries", webhooks.DeliveryViewSet, "webhook-delivery"
)

urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api:schema"), name="docs"),
    *router.urls,
]
