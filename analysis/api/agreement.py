"""How far doctors and models agree."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.agreement import agreements
from mammotrack.accounts.policy import Permission
from mammotrack.api.viewsets import ApiViewSet


class AgreementSerializer(serializers.Serializer):
    """Quadratic kappa of readings given blind, with its 95 % interval by patients."""

    between = serializers.ChoiceField(["doctor-doctor", "computer-doctor"])
    model_version = serializers.CharField(allow_blank=True)
    n = serializers.IntegerField(help_text="Breasts read.")
    patients = serializers.IntegerField()
    kappa = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        source="figures",
        help_text="Value, low and high.",
    )


@extend_schema_serializer(many=False)
class AgreementsSerializer(serializers.Serializer):
    results = AgreementSerializer(many=True)


class AgreementViewSet(ApiViewSet):
    permissions = {"list": Permission.JUDGE_MODELS}
    serializer_class = AgreementSerializer
    pagination_class = None  # a few rows, all of them

    @extend_schema(responses=AgreementsSerializer)
    def list(self, request: Request) -> Response:
        """How far doctors agree with each other, and each model version with the first of them."""
        found: Any = agreements(self.user)
        return Response({"results": self.get_serializer(found, many=True).data})
