"""Marks of lesions on pictures."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from analysis import selectors
from analysis.api.shared import READ, OfMammogram
from analysis.models import LesionMark
from analysis.services.lesions import mark_lesion
from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer, FiniteFloatField, Shape
from mammotrack.api.viewsets import ApiViewSet
from scans.selectors import mammogram_visible_to


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


class LesionMarkViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    permissions = READ | {"create": Permission.MARK_LESIONS}
    filters = OfMammogram
    serializer_class = LesionMarkSerializer

    def get_queryset(self) -> QuerySet[LesionMark]:
        return selectors.marks_visible_to(self.user).select_related("marked_by")

    @extend_schema(request=LesionMarkRequest, responses={201: LesionMarkSerializer})
    def create(self, request: Request) -> Response:
        """Mark, and have every later picture of the breast and view analysed at the mark."""
        fields = self.asked(LesionMarkRequest)
        mammogram, replaced = fields.pop("mammogram"), fields.pop("supersedes")
        mark = mark_lesion(
            mammogram_visible_to(self.user, mammogram),
            **fields,
            supersedes=selectors.mark_visible_to(self.user, replaced) if replaced else None,
            marked_by=self.user,
        )
        return self.created(mark, at="api:lesion-mark-detail")
