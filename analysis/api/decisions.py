"""What doctors signed."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from analysis import selectors
from analysis.api.shared import READ
from analysis.choices import Proposal
from analysis.models import Countersignature, Decision
from analysis.services.decisions import refuse_change
from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.viewsets import ApiViewSet
from patients.api.shared import OfPatient


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
