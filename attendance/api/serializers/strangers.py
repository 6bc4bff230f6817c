"""Unknown faces as the API tells of them, and the word on a group of them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from attendance.api.serializers.sessions import BoxSerializer, CandidateSerializer, DecisionSerializer
from attendance.api.serializers.strict import StrictIntegerField
from attendance.models import DetectedFace, Student
from attendance.services.strangers import MOST_ANSWERED, Answer, Group


class StrangerFaceSerializer(serializers.Serializer[DetectedFace]):
    """One face of a group, and where it is."""

    id = serializers.IntegerField(source="pk")
    photo_id = serializers.UUIDField(source="snapshot.public_id")
    session_id = serializers.IntegerField(source="snapshot.session_id")
    box = BoxSerializer(source="*")


class StrangerGroupSerializer(serializers.Serializer[Group]):
    """Faces that look like one person; ``students`` in the context maps ids to the visible students."""

    faces = StrangerFaceSerializer(many=True, help_text="The newest session's first; never two of one photo.")
    photos = serializers.IntegerField(help_text="How many photos they are in.")
    sessions = serializers.IntegerField(help_text="How many sessions those are of.")
    candidates = serializers.SerializerMethodField()

    @extend_schema_field(CandidateSerializer(many=True))
    def get_candidates(self, group: Group) -> list[dict[str, Any]]:
        """Give the students most like any of the faces whom the caller may see."""
        students: dict[int, Student] = self.context["students"]
        pairs = [(students.get(pk), similarity) for pk, similarity in group.candidates]
        rows = [{"student": student, "similarity": value} for student, value in pairs if student is not None]
        return [dict(row) for row in CandidateSerializer(rows, many=True).data]


class GroupDecisionSerializer(DecisionSerializer):
    """A teacher's word on several faces at once."""

    face_ids = serializers.ListField(
        child=StrictIntegerField(min_value=1),
        allow_empty=False,
        max_length=MOST_ANSWERED,
        help_text="Faces of a group.",
    )


class AnswerSerializer(serializers.Serializer[Answer]):
    """What became of the word."""

    face_ids = serializers.ListField(child=serializers.IntegerField(), help_text="The faces it was taken for.")
    left = serializers.IntegerField(
        help_text="How many were left as they are: answered by somebody else, final, or the student cannot be in that "
        "photo or is marked by hand in that session."
    )
