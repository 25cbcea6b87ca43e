"""Reference cases that look like a picture."""

from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request

from analysis import selectors
from analysis.api.shared import READ, OfMammogram
from analysis.models import SimilarCases
from analysis.pictures import reference_picture_path
from mammotrack.accounts.policy import Permission
from mammotrack.api.files import answers_file, negotiated
from mammotrack.api.serializers import Answer
from mammotrack.api.viewsets import ApiViewSet
from scans.media import picture_response


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


class ReferencePictureViewSet(ApiViewSet):
    permissions = {"list": Permission.READ_ANALYSES}
    renderer_classes = negotiated("image/jpeg")
    pagination_class = None

    @answers_file("image/jpeg", operation_id="reference_cases_picture")
    def list(self, request: Request, name: str) -> FileResponse:
        """The picture of a shipped reference case: of nobody who is treated here."""
        path = reference_picture_path(name)
        return picture_response(path.read_bytes(), name=path.name)


class SimilarCasesViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ
    filters = OfMammogram
    serializer_class = SimilarCasesSerializer

    def get_queryset(self) -> QuerySet[SimilarCases]:
        return selectors.similar_cases_visible_to(self.user)
