"""Analyses: asked for, and followed until they are done."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analysis import selectors
from analysis.api.shared import READ
from analysis.choices import JobState
from analysis.models import AnalysisJob
from analysis.services.jobs import request_analysis
from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.viewsets import ApiViewSet
from patients.api.shared import OfPatient
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


class JobFilters(OfPatient):
    state = serializers.ChoiceField(JobState.choices, required=False)
    current = serializers.UUIDField(required=False, help_text="A mammogram.")
    mark = serializers.UUIDField(required=False)


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
        wanted = self.asked(AnalysisRequest)
        current, prior, mark = (wanted[name] for name in ("current", "prior", "mark"))
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
