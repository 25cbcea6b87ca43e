"""Files that wait for a person to say whose they are, over HTTP."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from mammotrack.accounts.policy import Permission
from mammotrack.api.files import file_of_row
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.viewsets import ApiViewSet
from patients.selectors import patient_visible_to
from scans import arrivals, selectors
from scans.api import MammogramSerializer
from scans.choices import DiscardReason, Identifier
from scans.header import DISPLAY_NAME
from scans.media import stored_picture
from scans.models import UnmatchedFile
from scans.services import Statement, object_store


class FileSaysSerializer(serializers.Serializer):
    """What the file says of itself and of whose it is; null where it is silent."""

    patient_id = serializers.CharField(allow_null=True)
    patient_name = serializers.CharField(allow_null=True, help_text="family^given")
    patient_birth_date = serializers.DateField(allow_null=True)
    patient_sex = serializers.CharField(allow_null=True)
    exam_date = serializers.DateField(allow_null=True)
    laterality = serializers.CharField(allow_null=True)
    view = serializers.CharField(allow_null=True)
    accession_number = serializers.CharField(allow_null=True)


class UnmatchedFileSerializer(Answer):
    says = FileSaysSerializer()

    class Meta:
        model = UnmatchedFile
        fields = ["id", "clinic", "reason", "sha256", "size_bytes", "says", "created_at"]


class FileAttachment(Shape):
    patient = serializers.UUIDField()
    confirmed_identifiers = serializers.MultipleChoiceField(
        choices=Identifier.choices, help_text="At least two that were compared and agree."
    )
    identity_reason = serializers.CharField(
        max_length=500,
        allow_blank=True,
        default="",
        help_text="Why a file that names somebody else is this patient's all the same.",
    )


class FileDiscard(Shape):
    reason = serializers.ChoiceField(DiscardReason.choices)


class UnmatchedFileViewSet(ListModelMixin, RetrieveModelMixin, ApiViewSet):
    """What machines sent and nobody was found for. A person at a browser says whose it is."""

    permissions = dict.fromkeys(
        ("list", "retrieve", "picture", "attach", "discard"), Permission.MATCH_FILES
    )
    serializer_class = UnmatchedFileSerializer

    def get_queryset(self) -> QuerySet[UnmatchedFile]:
        return selectors.unmatched_files(self.user)

    @file_of_row("image/jpeg", operation_id="unmatched_files_picture")
    def picture(self, request: Request, pk: UUID) -> FileResponse:
        file = selectors.unmatched_file_visible_to(self.user, pk)
        path = object_store().derived_path(file.sha256, DISPLAY_NAME)
        return stored_picture(path, name=str(file.pk))

    @extend_schema(
        operation_id="unmatched_files_attach",
        request=FileAttachment,
        responses={201: MammogramSerializer, 200: MammogramSerializer},
    )
    @action(detail=True, methods=["post"])
    def attach(self, request: Request, pk: UUID) -> Response:
        """Store the file as this patient's, once both identities were compared."""
        file = selectors.unmatched_file_visible_to(self.user, pk)
        said = self.asked(FileAttachment)
        said["confirmed_identifiers"] = tuple(sorted(said["confirmed_identifiers"]))
        patient = patient_visible_to(self.user, said.pop("patient"))
        stored = arrivals.attach_file(
            file, patient, statement=Statement(**said), attached_by=self.user
        )
        return Response(
            MammogramSerializer(stored.mammogram).data,
            status=status.HTTP_201_CREATED if stored.created else status.HTTP_200_OK,
        )

    @extend_schema(
        operation_id="unmatched_files_discard", request=FileDiscard, responses={204: None}
    )
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, pk: UUID) -> Response:
        """Remove a file that is nobody's here."""
        file = selectors.unmatched_file_visible_to(self.user, pk)
        wanted: dict[str, Any] = self.asked(FileDiscard)
        arrivals.discard_file(file, reason=DiscardReason(wanted["reason"]), discarded_by=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
