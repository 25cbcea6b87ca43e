"""Who opened whose record, over HTTP: for those who watch over the records."""

from itertools import islice
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mammotrack.accounts.policy import Permission
from mammotrack.api.viewsets import ApiViewSet
from mammotrack.audit.selectors import accesses_of

MOST = 500


class AccessSerializer(serializers.Serializer):
    at = serializers.DateTimeField()
    chain = serializers.CharField()
    seq = serializers.IntegerField()
    actor = serializers.CharField(source="actor.full_name", allow_null=True, default=None)
    role = serializers.CharField()
    action = serializers.CharField()
    view = serializers.CharField(help_text="The page or address; empty for an act.")
    auth = serializers.CharField(help_text="session, token or process.")


@extend_schema_serializer(many=False)
class AccessesSerializer(serializers.Serializer):
    results = AccessSerializer(many=True)
    more = serializers.BooleanField(help_text=f"There are more than these {MOST}.")


class AccessViewSet(ApiViewSet):
    permissions = {"list": Permission.READ_AUDIT}
    serializer_class = AccessesSerializer
    pagination_class = None

    @extend_schema(operation_id="patients_accesses", responses=AccessesSerializer)
    def list(self, request: Request, patient_id: UUID) -> Response:
        """Everything seen or done of one patient, newest first.

        A record that nobody opened and one of another clinic look the same.
        """
        found = list(islice(accesses_of(patient_id, reader=self.user), MOST + 1))
        body = {"results": found[:MOST], "more": len(found) > MOST}
        return Response(AccessesSerializer(body).data)
