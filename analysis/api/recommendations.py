"""Proposals of the rules: read, signed, and handed out as reports."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analysis import selectors
from analysis.api.classifications import PredictionSerializer
from analysis.api.comparisons import ComparisonSerializer
from analysis.api.decisions import DecisionRequest, DecisionSerializer, SignatureRequest
from analysis.api.shared import READ
from analysis.choices import RecommendationStatus
from analysis.models import Decision, Recommendation
from analysis.reports.response import pdf_response
from analysis.services.decisions import amend_decision, countersign_decision, sign_decision
from analysis.services.reports import issue_report, issued_reports
from mammotrack.accounts.policy import Permission
from mammotrack.api.files import file_of_row
from mammotrack.api.filters import NoFilters
from mammotrack.api.problems import PreconditionFailed
from mammotrack.api.serializers import Answer
from mammotrack.api.versions import IF_MATCH, etag, expected_version
from mammotrack.api.viewsets import ApiViewSet
from patients.api.shared import OfPatient


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


class IssuedReportSerializer(serializers.Serializer):
    """One PDF that was handed out; a file is genuine when its SHA-256 is among them."""

    sha256 = serializers.CharField()
    issued_at = serializers.DateTimeField()
    issued_by = serializers.CharField()
    decision_version = serializers.IntegerField(allow_null=True, help_text="Null for a draft.")
    record_sha256 = serializers.CharField()
    is_current = serializers.BooleanField(help_text="Nothing was signed since.")


class RecommendationFilters(OfPatient):
    status = serializers.ChoiceField(RecommendationStatus.choices, required=False)


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
        wanted = self.asked(DecisionRequest)
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
        wanted = self.asked(DecisionRequest)
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
        wanted = self.asked(SignatureRequest)
        given = countersign_decision(
            recommendation,
            **wanted,
            signatures_seen=expected_version(request),
            signed_by=self.user,
        )
        return _signed(given.decision)

    @file_of_row("application/pdf", operation_id="recommendations_report")
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


def _signed(decision: Decision) -> Response:
    return Response(
        DecisionSerializer(decision).data,
        status=status.HTTP_201_CREATED,
        headers={"Location": reverse("api:decision-detail", [decision.pk])},
    )
