"""Fields and shapes that several addresses take."""

from collections.abc import Mapping
from typing import Any

from django.db.models import TextChoices
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mammotrack.api.serializers import Shape
from patients.codes import coding
from patients.partial_dates import PartialDate

CODING = {
    "type": ["object", "null"],
    "properties": {"system": {"type": "string"}, "code": {"type": "string"}},
}


@extend_schema_field(
    {"type": "string", "pattern": r"^\d{4}(-\d{2}(-\d{2})?)?$", "example": "1961-03"}
)
class PartialDateField(serializers.CharField):
    """A FHIR date: the year, the month or the day, as far as it is known."""

    def to_internal_value(self, data: Any) -> PartialDate:  # type: ignore[override]  # not text
        try:
            return PartialDate.parse(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid") from error


class Reason(Shape):
    reason = serializers.CharField(max_length=200)


class OfPatient(Shape):
    """Filter of lists that hold rows of many patients."""

    patient = serializers.UUIDField(required=False)


@extend_schema_field(CODING)
class CodingField(serializers.Field):
    """The FHIR Coding of a value; null where no code of another system is known."""

    def __init__(self, *, source: str, system: str, codes: Mapping[str, str]) -> None:
        super().__init__(source=source, read_only=True)
        self.system, self.codes = system, codes

    def to_representation(self, value: str) -> dict[str, str] | None:
        return coding(self.system, self.codes.get(value))


def optional(choices: type[TextChoices]) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices.choices, allow_blank=True, required=False)
