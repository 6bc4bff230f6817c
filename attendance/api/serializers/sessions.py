"""Class sessions, photos and faces as the API tells of them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from attendance.api.serializers.courses import SpanParameters
from attendance.api.serializers.people import FailureSerializer, StudentRefSerializer, failure_of
from attendance.api.serializers.strict import (
    PageSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictDateTimeField,
    StrictIntegerField,
    StrictSerializer,
)
from attendance.models import ClassSession, DetectedFace, Snapshot, Student, WorkState
from attendance.services.advice import photo_advice


class SessionSerializer(serializers.Serializer[ClassSession]):
    """One meeting of a course."""

    id = serializers.IntegerField(source="pk")
    course_id = serializers.IntegerField()
    title = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    held_on = serializers.DateField()
    state = serializers.ChoiceField(choices=ClassSession.State.choices)
    finalised_at = serializers.DateTimeField(allow_null=True)


class OpenSessionSerializer(StrictSerializer):
    """A new meeting; a time without an offset is the school's local time."""

    starts_at = StrictDateTimeField()
    ends_at = StrictDateTimeField()
    title = StrictCharField(required=False, default="", allow_blank=True, max_length=200)


class SessionParameters(SpanParameters, PageSerializer):
    """Which sessions of a course."""

    first_day = serializers.DateField(required=False, help_text="Only sessions on or after this local day.")
    last_day = serializers.DateField(required=False, help_text="Only sessions on or before this local day.")
    state = serializers.ChoiceField(choices=ClassSession.State.choices, required=False)


class FinaliseSerializer(StrictSerializer):
    """How to close the records."""

    mark_absent = StrictBooleanField(
        required=False, default=True, help_text="Marks absent who was not seen; false leaves them without a mark."
    )


class MarkedSerializer(serializers.Serializer[Any]):
    """How many marks were made."""

    marked = serializers.IntegerField()


class PhotoUploadSerializer(StrictSerializer):
    """The photo's bytes; its name and declared type are not believed and not kept."""

    photo = serializers.FileField(allow_empty_file=True, use_url=False)


class PhotoSerializer(serializers.Serializer[Snapshot]):
    """A class photo and where it stands."""

    id = serializers.UUIDField(source="public_id")
    session_id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=WorkState.choices)
    failure = serializers.SerializerMethodField(help_text="Why it could not be done; null unless FAILED.")
    face_count = serializers.IntegerField(allow_null=True, help_text="null until DONE.")
    named_count = serializers.IntegerField(help_text="Faces of which machine or teacher says who they are.")
    uncertain_count = serializers.IntegerField(help_text="Faces that wait for a teacher's look.")
    advice = serializers.SerializerMethodField(
        help_text="What would make the next photo better; null where nothing would, and until DONE."
    )
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    taken_at = serializers.DateTimeField(allow_null=True)
    uploaded_at = serializers.DateTimeField()
    processing_ms = serializers.IntegerField(allow_null=True)

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, snapshot: Snapshot) -> dict[str, str] | None:
        """Give code and reason of a failed photo."""
        return failure_of(snapshot)

    def get_advice(self, snapshot: Snapshot) -> str | None:
        """Give one sentence about faces that are too small or blurred."""
        return photo_advice(snapshot.faces.all())


class ImageParameters(StrictSerializer):
    """How large the picture should be."""

    long_side = serializers.IntegerField(
        required=False, min_value=64, max_value=8192, help_text="Pixels; the stored size when left out."
    )


class BoxSerializer(serializers.Serializer[DetectedFace]):
    """A rectangle in pixels of the upright photo."""

    x = serializers.FloatField()
    y = serializers.FloatField()
    width = serializers.FloatField()
    height = serializers.FloatField()


class CandidateSerializer(serializers.Serializer[Any]):
    """A student whom this face may be, best first."""

    student = StudentRefSerializer()
    similarity = serializers.FloatField(help_text="Cosine, -1 to 1.")


class FaceSerializer(serializers.Serializer[DetectedFace]):
    """A face with all that explains the decision; ``students`` in the context maps ids to the visible students."""

    id = serializers.IntegerField(source="pk")
    box = BoxSerializer(source="*")
    landmarks = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        help_text="Eyes, nose and mouth corners: five times x, y in pixels.",
    )
    score = serializers.FloatField(help_text="The detector's confidence, 0 to 1.")
    outcome = serializers.ChoiceField(choices=DetectedFace.Outcome.choices, help_text="What the machine decided.")
    student = StudentRefSerializer(allow_null=True)
    similarity = serializers.FloatField(allow_null=True, help_text="Cosine, -1 to 1.")
    threshold_cosine = serializers.FloatField(help_text="What the similarity had to reach.")
    candidates = serializers.SerializerMethodField()
    model_id = serializers.CharField()
    decision = serializers.ChoiceField(
        choices=DetectedFace.Decision.choices, help_text="The teacher's word; it stands above."
    )
    decided_student = StudentRefSerializer(allow_null=True)
    outsider = serializers.ChoiceField(
        choices=DetectedFace.Outsider.choices,
        allow_blank=True,
        help_text="Who somebody is who is not in this class; empty where nobody said.",
    )

    @extend_schema_field(CandidateSerializer(many=True))
    def get_candidates(self, face: DetectedFace) -> list[dict[str, Any]]:
        """Give the candidates whom the caller may see."""
        students: dict[int, Student] = self.context["students"]
        pairs = [(students.get(pk), similarity) for pk, similarity in face.candidates]
        rows = [{"student": student, "similarity": value} for student, value in pairs if student is not None]
        return [dict(row) for row in CandidateSerializer(rows, many=True).data]


class DecisionSerializer(StrictSerializer):
    """A teacher's word on a face."""

    decision = serializers.ChoiceField(choices=DetectedFace.Decision.choices)
    student_id = StrictIntegerField(required=False, min_value=1, help_text="Who it is; with STUDENT only.")
    outsider = serializers.ChoiceField(
        choices=DetectedFace.Outsider.choices, required=False, help_text="With NOT_IN_CLASS only."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Hold the decision and what it may name together."""
        names_somebody = attrs["decision"] == DetectedFace.Decision.STUDENT
        if names_somebody and "student_id" not in attrs:
            raise serializers.ValidationError({"student_id": "Say which student this is."})
        if not names_somebody and "student_id" in attrs:
            raise serializers.ValidationError({"student_id": "Only the decision STUDENT names one."})
        if "outsider" in attrs and attrs["decision"] != DetectedFace.Decision.NOT_IN_CLASS:
            raise serializers.ValidationError({"outsider": "Only the decision NOT_IN_CLASS says so."})
        return attrs
