"""Comparisons of two pictures of one breast and view."""

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from analysis import selectors
from analysis.api.shared import READ
from analysis.models import Comparison
from mammotrack.api.serializers import Answer
from mammotrack.api.viewsets import ApiViewSet
from patients.api import OfPatient


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


class ComparisonViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ
    filters = OfPatient
    serializer_class = ComparisonSerializer

    def get_queryset(self) -> QuerySet[Comparison]:
        return selectors.comparisons_visible_to(self.user)
