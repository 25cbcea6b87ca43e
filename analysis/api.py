"""Analyses, what the machine found, what it proposes, and what doctors decided, over HTTP."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analysis import selectors
from analysis.choices import (
    Assessment,
    JobState,
    MassDensity,
    MassMargin,
    MassShape,
    Proposal,
    RecommendationStatus,
)
from analysis.exam_result import exam_result
from analysis.models import (
    AnalysisJob,
    BreastPrediction,
    Comparison,
    Countersignature,
    Decision,
    Finding,
    LesionMark,
    Prediction,
    Recommendation,
    SimilarCases,
)
from analysis.reports.response import pdf_response
from analysis.services.decisions import (
    amend_decision,
    countersign_decision,
    refuse_change,
    sign_decision,
)
from analysis.services.findings import record_finding
from analysis.services.jobs import request_analysis
from analysis.services.lesions import mark_lesion
from analysis.services.reports import issue_report, issued_reports
from mammotrack.accounts.policy import Permission
from mammotrack.api.filters import NoFilters
from mammotrack.api.problems import PreconditionFailed
from mammotrack.api.serializers import Answer, FiniteFloatField, Shape
from mammotrack.api.versions import IF_MATCH, etag, expected_version
from mammotrack.api.viewsets import ApiViewSet
from patients.api import OfPatient
from scans.selectors import mammogram_visible_to


class AnalysisSerializer(Answer):
    recommendation = serializers.SerializerMethodField(
        help_text="Address of what came out; null until the state is DONE."
    )

    class Meta:
        model = AnalysisJob
        fields = [
            "id",
            "patient",
            "current",
            "prior",
            "mark",
            "state",
            "attempt",
            "error_code",
            "recommendation",
            "created_at",
            "finished_at",
        ]

    @extend_schema_field({"type": ["string", "null"], "format": "uri-reference"})
    def get_recommendation(self, job: AnalysisJob) -> str | None:
        made = getattr(job, "recommendation", None)
        return reverse("api:recommendation-detail", [made.pk]) if made else None


class AnalysisRequest(Shape):
    current = serializers.UUIDField()
    prior = serializers.UUIDField(
        allow_null=True, default=None, help_text="Left out: the picture is analysed alone."
    )
    mark = serializers.UUIDField(
        allow_null=True, default=None, help_text="A lesion mark on the prior, to be measured."
    )


class LesionMarkSerializer(Answer):
    """A disc round a mass on one picture, in its pixels. Never changed: a new one supersedes."""

    marked_by = serializers.CharField(source="marked_by.full_name")

    class Meta:
        model = LesionMark
        fields = [
            "id",
            "patient",
            "mammogram",
            "x",
            "y",
            "radius",
            "is_new",
            "supersedes",
            "marked_by",
            "created_at",
        ]


class LesionMarkRequest(Shape):
    mammogram = serializers.UUIDField()
    x = FiniteFloatField(help_text="Column of the centre; the middle of the first pixel is 0.")
    y = FiniteFloatField(help_text="Row of the centre.")
    radius = FiniteFloatField()
    is_new = serializers.BooleanField(
        default=False, help_text="The mass was not there on the earlier pictures."
    )
    supersedes = serializers.UUIDField(
        allow_null=True,
        default=None,
        help_text="A mark of the same picture that this one replaces.",
    )


class PredictionSerializer(Answer):
    """What one model version said about one mammogram; no radiologist's assessment."""

    reasons = serializers.ListField(child=serializers.CharField())
    probabilities = serializers.DictField(
        child=serializers.FloatField(), help_text='By BI-RADS category "2" to "6"; sums to 1.'
    )
    prediction_set = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Prediction
        fields = [
            "id",
            "patient",
            "mammogram",
            "mammogram_sha256",
            "model_version",
            "model_sha256",
            "preparation_version",
            "assessable",
            "reasons",
            "probabilities",
            "category",
            "abstained",
            "prediction_set",
            "suspicious_probability",
            "heat_outside_share",
            "heat_plausible",
            "created_at",
        ]


class DiscSerializer(serializers.Serializer):
    x = serializers.FloatField()
    y = serializers.FloatField()
    radius = serializers.FloatField()


class MeasuredLesionSerializer(serializers.Serializer):
    """A marked mass on both pictures. Millimetres are null where the scale is unknown."""

    prior_mark = DiscSerializer(help_text="In pixels of the prior.")
    current_mark = DiscSerializer(help_text="Where registration carried it, pixels of the current.")
    prior_mm = serializers.FloatField(allow_null=True, help_text="Longest diameter.")
    current_mm = serializers.FloatField(allow_null=True)
    prior_area_mm2 = serializers.FloatField(allow_null=True)
    current_area_mm2 = serializers.FloatField(allow_null=True)
    prior_contrast = serializers.FloatField(help_text="Inside less outside, of the full range.")
    current_contrast = serializers.FloatField()
    still_visible = serializers.BooleanField(
        help_text="False: no mass is seen at the mark, which is no proof that none is left."
    )
    size_ratio = serializers.FloatField(
        allow_null=True, help_text="Current over prior longest diameter."
    )
    size_ratio_range = serializers.ListField(
        child=serializers.FloatField(), allow_null=True, help_text="As the mark is placed anew."
    )


class AttentionSerializer(DiscSerializer):
    """A place on the current picture to look at, in its pixels; it drives no verdict."""

    gain = serializers.BooleanField(help_text="Denser than before; false: less dense.")
    probability = serializers.FloatField(help_text="At even odds.")


class ComparisonSerializer(Answer):
    registration = serializers.DictField()
    parts = serializers.DictField(
        help_text="Luminance, contrast, structure of the SSIM; SSIM by scale and over all scales."
    )
    lesion = MeasuredLesionSerializer(allow_null=True)
    attention = AttentionSerializer(many=True)

    class Meta:
        model = Comparison
        fields = [
            "id",
            "patient",
            "prior",
            "current",
            "mark",
            "algorithm_version",
            "preparation_version",
            "comparable",
            "reason",
            "ssim",
            "ssim_baseline",
            "change_probability",
            "change_probability_low",
            "change_probability_high",
            "change_threshold",
            "direction",
            "verdict",
            "registration",
            "parts",
            "lesion",
            "attention",
            "created_at",
        ]


class RecommendationSerializer(Answer):
    """A proposal of the rules. Nothing is decided until a doctor signs."""

    class Meta:
        model = Recommendation
        fields: ClassVar[list[str]] = [
            "id",
            "patient",
            "job",
            "current",
            "prior",
            "proposal",
            "deciding_rule",
            "rules_version",
            "status",
            "superseded_by",
            "signature_count",
            "created_at",
        ]


class RuleTrialSerializer(serializers.Serializer):
    """One rule as it was tried; the first that fires decides."""

    rule = serializers.CharField()
    statement = serializers.CharField()
    inputs = serializers.DictField()
    fired = serializers.BooleanField()
    outcome = serializers.CharField()
    decides = serializers.BooleanField(default=False)
    rests_on = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Which evidence the rule reads."
    )
    sources = serializers.DictField(
        child=serializers.UUIDField(), required=False, help_text="The rows of it, by their ids."
    )


class RecommendationDetailSerializer(RecommendationSerializer):
    current_prediction = PredictionSerializer()
    prior_prediction = PredictionSerializer(allow_null=True)
    comparison = ComparisonSerializer(allow_null=True)
    trace = RuleTrialSerializer(many=True)
    record = serializers.DictField(help_text="Therapy and pathology as the rules saw them.")

    class Meta(RecommendationSerializer.Meta):
        fields = [
            *RecommendationSerializer.Meta.fields,
            "current_prediction",
            "prior_prediction",
            "comparison",
            "trace",
            "record",
        ]


class BreastPredictionSerializer(Answer):
    """What one model version said about one breast, from all pictures of the exam together."""

    probabilities = serializers.DictField(child=serializers.FloatField())
    prediction_set = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = BreastPrediction
        fields = [
            "laterality",
            "pictures",
            "pictures_beside",
            "model_version",
            "model_sha256",
            "preparation_version",
            "probabilities",
            "category",
            "abstained",
            "prediction_set",
            "suspicious_probability",
            "created_at",
        ]


class ExamResultSerializer(serializers.Serializer):
    """What the model suggests; null where it abstains or no picture is assessable."""

    left = serializers.CharField(allow_null=True, help_text="Of its worst picture.")
    right = serializers.CharField(allow_null=True, help_text="Of its worst picture.")
    exam = serializers.CharField(allow_null=True, help_text="Of the worse breast.")
    breasts = BreastPredictionSerializer(
        many=True, help_text="Each breast by all its pictures together, the other breast beside."
    )


class IssuedReportSerializer(serializers.Serializer):
    """One PDF that was handed out; a file is genuine when its SHA-256 is among them."""

    sha256 = serializers.CharField()
    issued_at = serializers.DateTimeField()
    issued_by = serializers.CharField()
    decision_version = serializers.IntegerField(allow_null=True, help_text="Null for a draft.")
    record_sha256 = serializers.CharField()
    is_current = serializers.BooleanField(help_text="Nothing was signed since.")


class CountersignatureSerializer(Answer):
    signed_by = serializers.CharField(source="signed_by.full_name")

    class Meta:
        model = Countersignature
        fields = ["id", "signed_by", "signed_at"]


class DecisionSerializer(Answer):
    """One version of a signed decision; the highest of a recommendation holds."""

    signed_by = serializers.CharField(source="signed_by.full_name")
    needs_second_signature = serializers.BooleanField()
    countersignature = serializers.SerializerMethodField()
    evidence = serializers.DictField(help_text="What the doctor had before their eyes.")

    class Meta:
        model = Decision
        fields = [
            "id",
            "patient",
            "recommendation",
            "version",
            "meaning",
            "choice",
            "follows_proposal",
            "reason",
            "signed_by",
            "signed_at",
            "needs_second_signature",
            "countersignature",
            "evidence",
            "evidence_sha256",
            "created_at",
        ]

    @extend_schema_field(CountersignatureSerializer(allow_null=True))
    def get_countersignature(self, decision: Decision) -> dict[str, Any] | None:
        given = getattr(decision, "countersignature", None)
        return CountersignatureSerializer(given).data if given else None


class SignatureRequest(Shape):
    password = serializers.CharField(
        max_length=256,
        trim_whitespace=False,
        write_only=True,
        help_text="Who signs proves again who they are.",
    )


class DecisionRequest(SignatureRequest):
    choice = serializers.ChoiceField(Proposal.choices)
    reason = serializers.CharField(
        max_length=2000,
        allow_blank=True,
        default="",
        help_text="Needed when the choice differs from the proposal, and for an amendment.",
    )


class FindingSerializer(Answer):
    """A mass as a doctor describes it, with the attribute model's probability of malignancy."""

    recorded_by = serializers.CharField(source="recorded_by.full_name")

    class Meta:
        model = Finding
        fields = [
            "id",
            "patient",
            "mammogram",
            "lesion",
            "revision",
            "shape",
            "margin",
            "density",
            "assessment",
            "age",
            "malignancy_probability",
            "probability_low",
            "probability_high",
            "uses_assessment",
            "not_estimated",
            "model_version",
            "model_sha256",
            "recorded_by",
            "created_at",
        ]


class FindingRequest(Shape):
    mammogram = serializers.UUIDField()
    lesion = serializers.IntegerField(
        min_value=1, max_value=99, help_text="Counted from 1 in each mammogram."
    )
    supersedes = serializers.IntegerField(
        min_value=0,
        max_value=9999,
        default=0,
        help_text="The revision you saw; 0 for a new lesion.",
    )
    shape = serializers.ChoiceField(MassShape.choices, allow_blank=True, default="")
    margin = serializers.ChoiceField(MassMargin.choices, allow_blank=True, default="")
    density = serializers.ChoiceField(MassDensity.choices, allow_blank=True, default="")
    assessment = serializers.ChoiceField(Assessment.choices, allow_blank=True, default="")


class SimilarCaseSerializer(serializers.Serializer):
    """One reference picture that looks like the mammogram. Similar looks are no diagnosis."""

    dataset = serializers.CharField()
    case = serializers.CharField()
    laterality = serializers.CharField()
    view = serializers.CharField()
    birads = serializers.CharField(allow_blank=True)
    pathology = serializers.CharField(allow_blank=True)
    licence = serializers.CharField()
    attribution = serializers.CharField()
    distance = serializers.FloatField(help_text="Cosine distance of the features, 0 to 2.")
    ssim = serializers.FloatField(allow_null=True, help_text="After registration; null if none.")
    picture = serializers.BooleanField(help_text="Whether the picture itself is shipped.")


class SimilarCasesSerializer(Answer):
    cases = serializers.SerializerMethodField()

    class Meta:
        model = SimilarCases
        fields = [
            "id",
            "patient",
            "mammogram",
            "search_version",
            "reference_sha256",
            "model_version",
            "model_sha256",
            "preparation_version",
            "reason",
            "cases",
            "created_at",
        ]

    @extend_schema_field(SimilarCaseSerializer(many=True))
    def get_cases(self, found: SimilarCases) -> Any:
        return SimilarCaseSerializer(selectors.shown_cases(found), many=True).data


class JobFilters(OfPatient):
    state = serializers.ChoiceField(JobState.choices, required=False)
    mark = serializers.UUIDField(required=False)


class PredictionFilters(OfPatient):
    mammogram = serializers.UUIDField(required=False)


class LesionMarkFilters(OfPatient):
    mammogram = serializers.UUIDField(required=False)


class RecommendationFilters(OfPatient):
    status = serializers.ChoiceField(RecommendationStatus.choices, required=False)


READ = {"list": Permission.READ_ANALYSES, "retrieve": Permission.READ_ANALYSES}


class AnalysisViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    """Jobs. Asking twice for the same analysis under the same versions gives the same job."""

    permissions = READ | {"create": Permission.REQUEST_ANALYSES}
    key_required = frozenset({"create"})
    filters = JobFilters
    serializer_class = AnalysisSerializer

    def get_queryset(self) -> QuerySet[AnalysisJob]:
        return selectors.jobs_visible_to(self.user).select_related("recommendation")

    @extend_schema(request=AnalysisRequest, responses={202: AnalysisSerializer})
    def create(self, request: Request) -> Response:
        wanted = AnalysisRequest(data=request.data)
        wanted.is_valid(raise_exception=True)
        current, prior, mark = (
            wanted.validated_data[name] for name in ("current", "prior", "mark")
        )
        job, _ = request_analysis(
            current=mammogram_visible_to(self.user, current),
            prior=mammogram_visible_to(self.user, prior) if prior else None,
            mark=selectors.mark_visible_to(self.user, mark) if mark else None,
            requested_by=self.user,
        )
        return Response(
            self.get_serializer(job).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": reverse("api:analysis-detail", [job.pk])},
        )


class LesionMarkViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ | {"create": Permission.MARK_LESIONS}
    filters = LesionMarkFilters
    serializer_class = LesionMarkSerializer

    def get_queryset(self) -> QuerySet[LesionMark]:
        return selectors.marks_visible_to(self.user).select_related("marked_by")

    @extend_schema(request=LesionMarkRequest, responses={201: LesionMarkSerializer})
    def create(self, request: Request) -> Response:
        """Mark, and have every later picture of the breast and view analysed at the mark."""
        wanted = LesionMarkRequest(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        mammogram, replaced = fields.pop("mammogram"), fields.pop("supersedes")
        mark = mark_lesion(
            mammogram_visible_to(self.user, mammogram),
            **fields,
            supersedes=selectors.mark_visible_to(self.user, replaced) if replaced else None,
            marked_by=self.user,
        )
        return Response(
            self.get_serializer(mark).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("api:lesion-mark-detail", [mark.pk])},
        )


class PredictionViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ
    filters = PredictionFilters
    serializer_class = PredictionSerializer

    def get_queryset(self) -> QuerySet[Prediction]:
        return selectors.predictions_visible_to(self.user)


class ComparisonViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ
    filters = OfPatient
    serializer_class = ComparisonSerializer

    def get_queryset(self) -> QuerySet[Comparison]:
        return selectors.comparisons_visible_to(self.user)


class ExamResultViewSet(ApiViewSet):
    permissions = {"retrieve": Permission.READ_ANALYSES}
    serializer_class = ExamResultSerializer

    def retrieve(self, request: Request, pk: Any) -> Response:
        """The worst category of each breast and of the exam, and each breast as a whole."""
        result = exam_result(selectors.readings_of_exam(self.user, pk))
        told = vars(result) | {"exam": result.exam, "breasts": selectors.breasts_of_exam(pk)}
        return Response(self.get_serializer(told).data)


class RecommendationViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ | {
        "report": Permission.READ_ANALYSES,
        "reports": Permission.READ_ANALYSES,
        "decision": Permission.SIGN_DECISIONS,
        "amendment": Permission.SIGN_DECISIONS,
        "countersignature": Permission.SIGN_DECISIONS,
    }
    filters = RecommendationFilters
    serializer_class = RecommendationSerializer

    def get_queryset(self) -> QuerySet[Recommendation]:
        return selectors.recommendations_visible_to(self.user)

    @extend_schema(responses=RecommendationDetailSerializer)
    def retrieve(self, request: Request, pk: Any) -> Response:
        """The proposal with its evidence and every rule that was tried."""
        recommendation = selectors.recommendation_visible_to(self.user, pk)
        return Response(
            RecommendationDetailSerializer(recommendation).data,
            headers=etag(recommendation.signature_count),
        )

    @extend_schema(
        operation_id="recommendations_decide",
        request=DecisionRequest,
        parameters=[IF_MATCH],
        responses={201: DecisionSerializer},
    )
    @action(detail=True, methods=["post"])
    def decision(self, request: Request, pk: Any) -> Response:
        """Sign: accept the proposal, or decide otherwise and say why. Once, for good."""
        recommendation = selectors.recommendation_visible_to(self.user, pk)
        wanted = self._wanted(DecisionRequest)
        if expected_version(request) > recommendation.signature_count:
            raise PreconditionFailed  # a version that never was
        return _signed(sign_decision(recommendation, **wanted, signed_by=self.user))

    @extend_schema(
        operation_id="recommendations_amend",
        request=DecisionRequest,
        parameters=[IF_MATCH],
        responses={201: DecisionSerializer},
    )
    @action(detail=True, methods=["post"])
    def amendment(self, request: Request, pk: Any) -> Response:
        """Sign a new version of the decision. What was signed before stays."""
        recommendation = selectors.recommendation_visible_to(self.user, pk)
        wanted = self._wanted(DecisionRequest)
        decision = amend_decision(
            recommendation,
            **wanted,
            signatures_seen=expected_version(request),
            signed_by=self.user,
        )
        return _signed(decision)

    @extend_schema(
        operation_id="recommendations_countersign",
        request=SignatureRequest,
        parameters=[IF_MATCH],
        responses={201: DecisionSerializer},
    )
    @action(detail=True, methods=["post"])
    def countersignature(self, request: Request, pk: Any) -> Response:
        """Give the second doctor's signature that ending chemotherapy needs."""
        recommendation = selectors.recommendation_visible_to(self.user, pk)
        wanted = self._wanted(SignatureRequest)
        given = countersign_decision(
            recommendation,
            **wanted,
            signatures_seen=expected_version(request),
            signed_by=self.user,
        )
        return _signed(given.decision)

    @extend_schema(
        operation_id="recommendations_report",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    @action(detail=True, methods=["get"], filters=NoFilters)
    def report(self, request: Request, pk: Any) -> FileResponse:
        """The report as PDF, made anew each time; a draft until a decision is in force."""
        recommendation = selectors.recommendation_visible_to(self.user, pk)
        made = issue_report(recommendation, issued_by=self.user)
        return pdf_response(made.content, name=made.name)

    @extend_schema(
        operation_id="recommendations_reports", responses=IssuedReportSerializer(many=True)
    )
    @action(detail=True, methods=["get"], filters=NoFilters, pagination_class=None)
    def reports(self, request: Request, pk: Any) -> Response:
        """Every report that was handed out, with its SHA-256: what a file on paper is held to."""
        recommendation = selectors.recommendation_visible_to(self.user, pk)
        return Response(IssuedReportSerializer(issued_reports(recommendation), many=True).data)

    def _wanted(self, shape: type[Shape]) -> dict[str, Any]:
        wanted = shape(data=self.request.data)
        wanted.is_valid(raise_exception=True)
        return wanted.validated_data


def _signed(decision: Decision) -> Response:
    return Response(
        DecisionSerializer(decision).data,
        status=status.HTTP_201_CREATED,
        headers={"Location": reverse("api:decision-detail", [decision.pk])},
    )


class DecisionViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ | {"partial_update": Permission.SIGN_DECISIONS}
    filters = OfPatient
    serializer_class = DecisionSerializer

    def get_queryset(self) -> QuerySet[Decision]:
        return selectors.decisions_visible_to(self.user).select_related(
            "signed_by", "countersignature", "countersignature__signed_by"
        )

    @extend_schema(request=None, responses={})
    def partial_update(self, request: Request, pk: Any) -> Response:
        """Never: what is signed stays as it is. Amend the recommendation's decision instead."""
        refuse_change(self.get_object())


class FindingViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    """Described masses, every revision; the highest of a lesion is what holds."""

    permissions = READ | {"create": Permission.RECORD_FINDINGS}
    filters = PredictionFilters
    serializer_class = FindingSerializer

    def get_queryset(self) -> QuerySet[Finding]:
        return selectors.findings_visible_to(self.user)

    @extend_schema(request=FindingRequest, responses={201: FindingSerializer})
    def create(self, request: Request) -> Response:
        """Describe a mass, or describe it anew; nothing that was said is changed."""
        wanted = FindingRequest(data=request.data)
        wanted.is_valid(raise_exception=True)
        mammogram = mammogram_visible_to(self.user, wanted.validated_data.pop("mammogram"))
        finding = record_finding(mammogram, **wanted.validated_data, recorded_by=self.user)
        return Response(
            FindingSerializer(finding).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("api:finding-detail", [finding.pk])},
        )


class SimilarCasesViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ
    filters = PredictionFilters
    serializer_class = SimilarCasesSerializer

    def get_queryset(self) -> QuerySet[SimilarCases]:
        return selectors.similar_cases_visible_to(self.user)
