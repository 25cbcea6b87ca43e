"""What models said about pictures, breasts and exams."""

from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from analysis import selectors
from analysis.api.shared import READ, OfMammogram
from analysis.exam_result import exam_result
from analysis.models import BreastPrediction, Prediction
from analysis.pictures import heat_map_path
from mammotrack.accounts.policy import Permission
from mammotrack.api.files import file_of_row
from mammotrack.api.serializers import Answer
from mammotrack.api.viewsets import ApiViewSet
from scans.media import stored_picture


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


class PredictionViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ | {"heat_map": Permission.READ_ANALYSES}
    filters = OfMammogram
    serializer_class = PredictionSerializer

    def get_queryset(self) -> QuerySet[Prediction]:
        return selectors.predictions_visible_to(self.user)

    @file_of_row("image/png", operation_id="predictions_heat_map", url_path="heat-map")
    def heat_map(self, request: Request, pk: Any) -> FileResponse:
        """Where the model saw evidence for suspicion, to lie over the picture."""
        prediction = self.get_object()
        return stored_picture(heat_map_path(prediction), name=f"{prediction.pk}-heat-map")


class ExamResultViewSet(ApiViewSet):
    permissions = {"retrieve": Permission.READ_ANALYSES}
    serializer_class = ExamResultSerializer

    def retrieve(self, request: Request, pk: Any) -> Response:
        """The worst category of each breast and of the exam, and each breast as a whole."""
        result = exam_result(selectors.readings_of_exam(self.user, pk))
        told = vars(result) | {"exam": result.exam, "breasts": selectors.breasts_of_exam(pk)}
        return Response(self.get_serializer(told).data)
