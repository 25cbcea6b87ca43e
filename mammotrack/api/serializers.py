"""What requests must look like and what answers look like. Rules are the services' part."""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.db.models import Model
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.utils.serializer_helpers import BindingDict


class Shape(serializers.Serializer):
    """Fields of a request. A field that is not listed is an error: ignored, it would mislead."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            wrong = {
                name: [ErrorDetail("There is no such field to set.", code="unknown_field")]
                for name in data
                if name not in self.fields
            }
            wrong |= {  # JSON tells a number from a text
                name: [ErrorDetail("Not a text.", code="invalid")]
                for name, value in data.items()
                if isinstance(value, int | float)
                and isinstance(self.fields.get(name), serializers.CharField)
            }
            if wrong:
                raise ValidationError(wrong)
        return super().to_internal_value(data)


class Answer(serializers.ModelSerializer):
    """A row as it is answered: nothing is ever written through it.

    All answers of a class share its fields, so these know no request and no ``context``.
    """

    @property
    def fields(self) -> BindingDict:
        return _fields_of(type(self))

    def get_extra_kwargs(self) -> dict[str, dict[str, Any]]:
        return {name: {"read_only": True} for name in self.Meta.fields}

    def get_fields(self) -> dict[str, serializers.Field]:
        """A choice that may be left open is answered as an empty text, and described so."""
        fields = super().get_fields()
        model: type[Model] = self.Meta.model
        for name, field in fields.items():
            if isinstance(field, serializers.ChoiceField):
                field.allow_blank = bool(getattr(model._meta.get_field(name), "blank", False))
        return fields


@cache
def _fields_of(shape: type[Answer]) -> BindingDict:
    """Made once: that takes longer than to answer a row."""
    answer = shape()
    fields = BindingDict(answer)
    for name, field in answer.get_fields().items():
        fields[name] = field
    return fields


class FiniteFloatField(serializers.FloatField):
    """A float that can be compared: NaN would pass any limit."""

    def to_internal_value(self, data: Any) -> float:
        number = super().to_internal_value(data)
        if not math.isfinite(number):
            self.fail("invalid")
        return number
