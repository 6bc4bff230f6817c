"""What comes in: each value is of the very type it should be, and nothing else is sent along."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final

from rest_framework import serializers

_DAY_AND_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")


class StrictSerializer(serializers.Serializer[Any]):
    """An input whose unknown fields are errors.

    A client that sends ``is_staff`` or misspells ``reason`` learns so at once, instead of believing that it was heard.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Refuse fields that this address does not know."""
        if isinstance(data, Mapping):
            unknown = sorted(_printable(name) for name in data if name not in self.fields)
            if unknown:
                raise serializers.ValidationError(
                    {name: ["This address takes no such field."] for name in unknown}, code="unknown"
                )
        return super().to_internal_value(data)


def _printable(name: object) -> str:
    """Shorten a client's word and drop what no answer can be encoded with (half of a surrogate pair)."""
    return str(name)[:64].encode(errors="replace").decode()


class StrictBooleanField(serializers.BooleanField):
    """``true`` or ``false``; never ``"false"``, ``0`` or ``"off"``."""

    def to_internal_value(self, data: Any) -> bool:
        """Take JSON's own two values."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictIntegerField(serializers.IntegerField):
    """A whole number; never ``"3"``, ``3.0`` or ``true``. Fits the database's 64 bits."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_value", 2**63 - 1)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Take JSON numbers without a fraction."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class StrictCharField(serializers.CharField):
    """Text; never a number that looks like it."""

    def to_internal_value(self, data: Any) -> str:
        """Take JSON strings."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictDateTimeField(serializers.DateTimeField):
    """``2026-03-02T08:00:00``, with or without an offset; never a day alone, which would mean midnight."""

    def to_internal_value(self, value: Any) -> dt.datetime:
        """Take ISO 8601 with a time of day."""
        if not isinstance(value, str) or not _DAY_AND_TIME.match(value):
            self.fail("invalid", format="YYYY-MM-DDThh:mm[:ss][+HH:MM|-HH:MM|Z]")
        return super().to_internal_value(value)


class PageSerializer(StrictSerializer):
    """Which page of a list, in the address."""

    page = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=500)


def checked(serializer: type[StrictSerializer], data: Any) -> dict[str, Any]:
    """Give the checked values.

    Raises:
        ValidationError: a value is missing, of another type, or unknown.
    """
    bound = serializer(data=data)
    bound.is_valid(raise_exception=True)
    values: dict[str, Any] = bound.validated_data
    return values
