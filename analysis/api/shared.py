"""What most addresses of analyses take, and whom they answer."""

from rest_framework import serializers

from mammotrack.accounts.policy import Permission
from patients.api.shared import OfPatient

READ = {"list": Permission.READ_ANALYSES, "retrieve": Permission.READ_ANALYSES}


class OfMammogram(OfPatient):
    mammogram = serializers.UUIDField(required=False)
