"""Courses, rosters and reports as the API tells of them."""

from typing import Any

from rest_framework import serializers

from attendance.api.serializers.people import SelfieSerializer, StudentRefSerializer
from attendance.api.serializers.strict import PageSerializer, StrictSerializer
from attendance.models import Course, Term
from attendance.services.gallery import Retake


class TermSerializer(serializers.Serializer[Term]):
    """A part of the school year."""

    name = serializers.CharField()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()


class CourseSerializer(serializers.Serializer[Course]):
    """A course and how its percentage is counted."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    code = serializers.CharField()
    term = TermSerializer()
    suggestions_only = serializers.BooleanField(help_text="Faces are suggested and never marked.")
    late_after_minutes = serializers.IntegerField()
    late_weight = serializers.DecimalField(max_digits=3, decimal_places=2)
    excused_counts = serializers.ChoiceField(choices=Course.Excused.choices)
    unmarked_counts = serializers.ChoiceField(choices=Course.Unmarked.choices)


class DayParameters(StrictSerializer):
    """A roster is always asked on a day."""

    day = serializers.DateField(required=False, help_text="Local day, YYYY-MM-DD; today when left out.")


class RosterParameters(DayParameters, PageSerializer):
    """A page of a roster on a day."""


class RosterRowSerializer(serializers.Serializer[Any]):
    """A student on the roster, and whether a photo can find them."""

    student = StudentRefSerializer()
    recognisable = serializers.BooleanField()
    by_hand_only = serializers.BooleanField()
    consent = serializers.BooleanField()
    selfie = SelfieSerializer(allow_null=True)
    retake = serializers.ChoiceField(
        choices=[(one.value, one.value) for one in Retake],
        allow_blank=True,
        help_text="Why a new selfie would help: it is old, its time ends, or photos miss the student; else empty.",
    )


class ReadinessSerializer(serializers.Serializer[Any]):
    """How many of a roster a photo can find."""

    day = serializers.DateField()
    enrolled = serializers.IntegerField()
    recognisable = serializers.IntegerField()
    by_hand = serializers.IntegerField()
    held = serializers.IntegerField(help_text="Selfies that wait for a teacher: they look like somebody else.")
    missing = StudentRefSerializer(many=True)
    retake = StudentRefSerializer(many=True, help_text="Whose selfie has grown old or weak.")


class SpanParameters(StrictSerializer):
    """From one day to another, both included."""

    first_day = serializers.DateField(required=False, help_text="The term's first day when left out.")
    last_day = serializers.DateField(required=False, help_text="The term's last day when left out.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a span that ends before it starts."""
        first, last = attrs.get("first_day"), attrs.get("last_day")
        if first and last and last < first:
            raise serializers.ValidationError({"last_day": "The last day lies before the first one."})
        return attrs


class ReportRowSerializer(serializers.Serializer[Any]):
    """One student's marks in the span."""

    student = StudentRefSerializer()
    present = serializers.IntegerField()
    absent = serializers.IntegerField()
    late = serializers.IntegerField()
    excused = serializers.IntegerField()
    unmarked = serializers.IntegerField(help_text="Final sessions without a mark.")
    counted = serializers.IntegerField(help_text="Sessions that enter the percentage.")
    points = serializers.DecimalField(max_digits=8, decimal_places=2, help_text="What they gave together.")
    percent = serializers.DecimalField(
        max_digits=4, decimal_places=1, allow_null=True, help_text="By the formula; null when no session counts."
    )


class ReportSerializer(serializers.Serializer[Any]):
    """A course's report with the formula that its percentages follow."""

    course_id = serializers.IntegerField(source="course.pk")
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    formula = serializers.CharField(help_text="How the percentage is counted.")
    open_sessions = serializers.IntegerField(help_text="Not final yet: their empty marks count for nothing.")
    rows = ReportRowSerializer(many=True)
