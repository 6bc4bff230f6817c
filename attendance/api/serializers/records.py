"""Marks as the API tells of them."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from attendance.api.serializers.people import StudentRefSerializer
from attendance.api.serializers.strict import StrictCharField, StrictIntegerField, StrictSerializer
from attendance.models import AttendanceRecord, Source, Status
from attendance.services.register import HistoryEntry, RegisterRow


class RecordStateSerializer(serializers.Serializer[AttendanceRecord]):
    """A mark as it stands; in a 409 or 412 it tells what somebody else has set meanwhile."""

    status = serializers.ChoiceField(choices=Status.choices)
    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]  # a field's name, as declared
    version = serializers.IntegerField()


class RecordSerializer(serializers.Serializer[RegisterRow]):
    """A student's line in the register; without a mark ``status`` is null and ``version`` 0: not seen, not absent."""

    student = StudentRefSerializer()
    enrolled = serializers.BooleanField(help_text="false: a mark of somebody who is not on that day's roster any more.")
    status = serializers.ChoiceField(choices=Status.choices, allow_null=True)
    source = serializers.SerializerMethodField()  # type: ignore[assignment]  # likewise
    version = serializers.IntegerField()
    seen_at = serializers.DateTimeField(allow_null=True, help_text="By the photo's own clock, where it is believed.")
    face_id = serializers.IntegerField(allow_null=True)
    by = serializers.CharField(allow_null=True, help_text="Who marked by hand.")

    @extend_schema_field(serializers.ChoiceField(choices=Source.choices, allow_null=True))
    def get_source(self, row: RegisterRow) -> str | None:
        """Give whose word it is; null without a mark."""
        return row.source or None


class SetRecordSerializer(StrictSerializer):
    """A teacher's word on a student."""

    status = serializers.ChoiceField(choices=Status.choices)
    version = StrictIntegerField(
        required=False, min_value=0, help_text="The version that was seen, 0 for none; or send it as If-Match."
    )
    reason = StrictCharField(required=False, default="", allow_blank=True, max_length=300)


class HistorySerializer(serializers.Serializer[HistoryEntry]):
    """One change of a mark; ``old`` and ``new`` are in words."""

    at = serializers.DateTimeField()
    who = serializers.CharField(help_text="The person, or recognition.")
    action = serializers.CharField()
    old = serializers.CharField()
    new = serializers.CharField()
    reason = serializers.CharField()


class OwnRecordSerializer(serializers.Serializer[AttendanceRecord]):
    """A mark as its student sees it."""

    session_id = serializers.IntegerField()
    course = serializers.CharField(source="session.course.name")
    held_on = serializers.DateField(source="session.held_on")
    starts_at = serializers.DateTimeField(source="session.starts_at")
    status = serializers.ChoiceField(choices=Status.choices)
    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]  # a field's name, as declared
