"""Whether the trail is what it was, over HTTP."""

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from mammotrack.accounts.policy import Permission
from mammotrack.api.viewsets import ApiViewSet
from mammotrack.audit.standing import chain_states, verify_chains


class ChainSerializer(serializers.Serializer):
    """The chain of one clinic, as it was last read from end to end."""

    clinic = serializers.UUIDField(source="clinic.pk")
    entries = serializers.IntegerField()
    is_intact = serializers.BooleanField(help_text="False, too, if it was never read.")
    verified_at = serializers.DateTimeField(allow_null=True)
    up_to = serializers.IntegerField(help_text="The last entry that was read.")
    bad_entry = serializers.IntegerField(allow_null=True, help_text="The first that is wrong.")
    bad_what = serializers.CharField()


@extend_schema_serializer(many=False)
class ChainsSerializer(serializers.Serializer):
    results = ChainSerializer(many=True)


class ChainViewSet(ApiViewSet):
    permissions = {"list": Permission.READ_AUDIT, "verify": Permission.READ_AUDIT}
    serializer_class = ChainsSerializer
    pagination_class = None

    @extend_schema(operation_id="audit_chains", responses=ChainsSerializer)
    def list(self, request: Request) -> Response:
        """The chains of the caller's clinics. Their entries are FHIR's `AuditEvent`."""
        return Response(ChainsSerializer({"results": chain_states(self.user)}).data)

    @extend_schema(operation_id="audit_chains_verify", request=None, responses=ChainsSerializer)
    @action(detail=False, methods=["post"])
    def verify(self, request: Request) -> Response:
        """Read them from end to end, now."""
        verify_chains(self.user)
        return self.list(request)
