"""Masses as doctors describe them."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from analysis import selectors
from analysis.api.shared import READ, OfMammogram
from analysis.choices import Assessment, MassDensity, MassMargin, MassShape
from analysis.models import Finding
from analysis.services.findings import record_finding
from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.viewsets import ApiViewSet
from scans.selectors import mammogram_visible_to


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


class FindingViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    """Described masses, every revision; the highest of a lesion is what holds."""

    permissions = READ | {"create": Permission.RECORD_FINDINGS}
    filters = OfMammogram
    serializer_class = FindingSerializer

    def get_queryset(self) -> QuerySet[Finding]:
        return selectors.findings_visible_to(self.user)

    @extend_schema(request=FindingRequest, responses={201: FindingSerializer})
    def create(self, request: Request) -> Response:
        """Describe a mass, or describe it anew; nothing that was said is changed."""
        wanted = self.asked(FindingRequest)
        mammogram = mammogram_visible_to(self.user, wanted.pop("mammogram"))
        finding = record_finding(mammogram, **wanted, recorded_by=self.user)
        return self.created(finding, at="api:finding-detail")
