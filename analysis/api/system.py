"""Whether analyses are made, and with what."""

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.models import WorkerSign
from analysis.system import system_state
from mammotrack.accounts.policy import Permission
from mammotrack.api.serializers import Answer
from mammotrack.api.viewsets import ApiViewSet


class WorkerSerializer(Answer):
    class Meta:
        model = WorkerSign
        fields = ["name", "seen_at"]


class VersionsSerializer(serializers.Serializer):
    model = serializers.CharField(help_text="none: no model is active.")
    preparation = serializers.CharField()
    algorithm = serializers.CharField()
    rules = serializers.CharField()


@extend_schema_serializer(many=False)
class SystemSerializer(serializers.Serializer):
    """Numbers of all clinics together; whose pictures wait is in none of them."""

    queued = serializers.IntegerField()
    running = serializers.IntegerField()
    failed_today = serializers.IntegerField()
    oldest_since = serializers.DateTimeField(allow_null=True, help_text="Of the queue.")
    is_delayed = serializers.BooleanField(help_text="No worker was heard of lately.")
    workers = WorkerSerializer(many=True)
    versions = VersionsSerializer()


class SystemViewSet(ApiViewSet):
    permissions = {"list": Permission.SEE_SYSTEM}
    serializer_class = SystemSerializer
    pagination_class = None

    @extend_schema(operation_id="system", responses=SystemSerializer)
    def list(self, request: Request) -> Response:
        """What waits, whether a worker lives, and which versions it works with."""
        return Response(SystemSerializer(system_state(self.user)).data)
