"""Comparisons of two pictures of one breast and view."""

from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analysis import selectors
from analysis.api.shared import READ
from analysis.models import Comparison
from analysis.pictures import correspondence_path, kept_pictures, picture_path
from mammotrack.accounts.policy import Permission
from mammotrack.api.files import file_of_row
from mammotrack.api.filters import NoFilters
from mammotrack.api.serializers import Answer
from mammotrack.api.viewsets import ApiViewSet
from patients.api.shared import OfPatient
from scans.media import stored_picture


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


class ComparisonPictureSerializer(serializers.Serializer):
    name = serializers.CharField()
    address = serializers.CharField()


class ComparisonViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ | dict.fromkeys(
        ("pictures", "picture", "correspondence"), Permission.READ_ANALYSES
    )
    filters = OfPatient
    serializer_class = ComparisonSerializer

    def get_queryset(self) -> QuerySet[Comparison]:
        return selectors.comparisons_visible_to(self.user)

    @extend_schema(
        operation_id="comparisons_pictures", responses=ComparisonPictureSerializer(many=True)
    )
    @action(detail=True, methods=["get"], filters=NoFilters, pagination_class=None)
    def pictures(self, request: Request, pk: Any) -> Response:
        """The pictures there are: a failed registration leaves some out."""
        comparison = self.get_object()
        rows = [
            {"name": name, "address": reverse("api:comparison-picture", [comparison.pk, name])}
            for name in sorted(kept_pictures(comparison))
        ]
        return Response(ComparisonPictureSerializer(rows, many=True).data)

    @file_of_row("image/png", operation_id="comparisons_picture", url_path="pictures/<slug:name>")
    def picture(self, request: Request, pk: Any, name: str) -> FileResponse:
        """One of them: the map of change, the aligned prior, a processing view."""
        comparison = self.get_object()
        return stored_picture(picture_path(comparison, name), name=f"{comparison.pk}-{name}")

    @file_of_row("application/octet-stream", operation_id="comparisons_correspondence")
    def correspondence(self, request: Request, pk: Any) -> FileResponse:
        """Where each place of the current picture lies on the prior."""
        comparison = self.get_object()
        name = f"{comparison.pk}-correspondence"
        return stored_picture(correspondence_path(comparison), name=name)
