"""Consent, history and merges over HTTP."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer, Shape
from mammotrack.api.viewsets import ApiViewSet
from patients import selectors, services
from patients.api.shared import CODING, PartialDateField, Reason
from patients.choices import ConsentPurpose, HistoryItem, HistoryLaterality, Relative, VariantResult
from patients.codes import history_coding
from patients.models import Consent, HistoryEntry, Patient, PatientMerge


class ConsentSerializer(Answer):
    recorded_by = serializers.CharField(source="recorded_by.full_name")

    class Meta:
        model = Consent
        fields = [
            "id",
            "patient",
            "purpose",
            "given",
            "decided_on",
            "document_version",
            "recorded_by",
            "created_at",
        ]


class NewConsent(Shape):
    purpose = serializers.ChoiceField(ConsentPurpose.choices)
    given = serializers.BooleanField(help_text="False: withdrawn or refused.")
    decided_on = serializers.DateField()
    document_version = serializers.CharField(max_length=40, required=False)


class ConsentViewSet(ListModelMixin, ApiViewSet):
    """What the patient said, newest first; the newest of a purpose holds."""

    permissions = {"list": Permission.READ_PATIENTS, "create": Permission.RECORD_CONSENT}
    serializer_class = ConsentSerializer

    def get_queryset(self) -> QuerySet[Consent]:
        return selectors.consents_of(
            selectors.patient_visible_to(self.user, self.kwargs["patient_id"])
        )

    @extend_schema(request=NewConsent, responses={201: ConsentSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        patient = selectors.patient_visible_to(self.user, self.kwargs["patient_id"])
        wanted = self.asked(NewConsent)
        consent = services.record_consent(patient, **wanted, recorded_by=self.user)
        return Response(self.get_serializer(consent).data, status=status.HTTP_201_CREATED)


class HistorySerializer(Answer):
    began = serializers.CharField(source="since", allow_null=True, help_text="A FHIR date.")
    coding = serializers.SerializerMethodField(
        help_text="ICD-10-CM or HGNC; null where no code is known for sure."
    )
    recorded_by = serializers.CharField(source="recorded_by.full_name")

    class Meta:
        model = HistoryEntry
        fields = [
            "id",
            "patient",
            "item",
            "laterality",
            "began",
            "relative",
            "age_at_onset",
            "result",
            "note",
            "coding",
            "recorded_by",
            "retracted_at",
            "retraction_reason",
            "created_at",
        ]

    @extend_schema_field(CODING)
    def get_coding(self, entry: HistoryEntry) -> dict[str, str] | None:
        return history_coding(entry.item, entry.laterality)


class NewHistory(Shape):
    item = serializers.ChoiceField(HistoryItem.choices)
    laterality = serializers.ChoiceField(HistoryLaterality.choices, required=False)
    began = PartialDateField(required=False, allow_null=True)
    relative = serializers.ChoiceField(Relative.choices, required=False)
    age_at_onset = serializers.IntegerField(
        min_value=0, max_value=120, allow_null=True, required=False
    )
    result = serializers.ChoiceField(VariantResult.choices, required=False)
    note = serializers.CharField(max_length=200, required=False)


class HistoryViewSet(ListModelMixin, ApiViewSet):
    """Surgery, radiotherapy, implants and hormones, cancer in the family, genetic tests."""

    permissions = {
        "list": Permission.READ_PATIENTS,
        "create": Permission.WRITE_PATIENTS,
        "retract": Permission.WRITE_PATIENTS,
    }
    serializer_class = HistorySerializer

    def patient(self) -> Patient:
        return selectors.patient_visible_to(self.user, self.kwargs["patient_id"])

    def get_queryset(self) -> QuerySet[HistoryEntry]:
        return selectors.history_of(self.patient())

    @extend_schema(request=NewHistory, responses={201: HistorySerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        patient, wanted = self.patient(), self.asked(NewHistory)
        entry = services.record_history(patient, **wanted, recorded_by=self.user)
        return Response(self.get_serializer(entry).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=Reason, responses=HistorySerializer)
    @action(detail=True, methods=["post"])
    def retract(self, request: Request, pk: UUID, **kwargs: Any) -> Response:
        """Mark the entry as wrong; it stays on record and counts no more."""
        entry, wanted = selectors.history_entry_of(self.patient(), pk), self.asked(Reason)
        services.retract_history(entry, **wanted, retracted_by=self.user)
        return Response(self.get_serializer(entry).data)


class MergeSerializer(Answer):
    merged_by = serializers.CharField(source="merged_by.full_name")

    class Meta:
        model = PatientMerge
        fields = [
            "id",
            "survivor",
            "merged",
            "reason",
            "merged_by",
            "created_at",
            "undone_at",
            "undo_reason",
        ]


class NewMerge(Shape):
    merged = serializers.UUIDField(help_text="The patient whose record moves to this one.")
    reason = serializers.CharField(max_length=200)


class MergeViewSet(ListModelMixin, ApiViewSet):
    """Records that were merged into this one."""

    permissions = {
        "list": Permission.READ_PATIENTS,
        "create": Permission.MERGE_PATIENTS,
        "undo": Permission.MERGE_PATIENTS,
    }
    serializer_class = MergeSerializer

    def patient(self) -> Patient:
        return selectors.patient_visible_to(self.user, self.kwargs["patient_id"])

    def get_queryset(self) -> QuerySet[PatientMerge]:
        return selectors.all_merges_into(self.patient())

    @extend_schema(request=NewMerge, responses={201: MergeSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        survivor, wanted = self.patient(), self.asked(NewMerge)
        merge = services.merge_patients(
            merged=selectors.patient_visible_to(self.user, wanted["merged"]),
            survivor=survivor,
            reason=wanted["reason"],
            merged_by=self.user,
        )
        return Response(self.get_serializer(merge).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=Reason, responses=MergeSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: UUID, **kwargs: Any) -> Response:
        """Part the records again; each gets its own rows back."""
        merge, wanted = selectors.merge_of(self.patient(), pk), self.asked(Reason)
        services.undo_merge(merge, **wanted, undone_by=self.user)
        return Response(self.get_serializer(merge).data)
