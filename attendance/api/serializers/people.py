"""People as the API tells of them: never a vector, never a key."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from attendance.api.serializers.strict import StrictBooleanField, StrictCharField, StrictSerializer
from attendance.models import Role, Selfie, Student, User, WorkState


class StudentRefSerializer(serializers.Serializer[Student]):
    """A student in passing."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField(source="display_name")


class LoginSerializer(StrictSerializer):
    """A log-in; the password only ever travels in the body."""

    username = StrictCharField(max_length=150)
    password = StrictCharField(max_length=1000, trim_whitespace=False)


class TokenSerializer(serializers.Serializer[Any]):
    """What to send as ``Authorization: Token ...`` from now on."""

    token = serializers.CharField()


class MeSerializer(serializers.Serializer[User]):
    """Who the token belongs to."""

    id = serializers.IntegerField(source="pk")
    username = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    student_id = serializers.IntegerField(source="student.pk", allow_null=True, default=None)


class FailureSerializer(serializers.Serializer[Any]):
    """Why a piece of work failed."""

    code = serializers.CharField(source="failure_code")
    reason = serializers.CharField(source="failure_reason")


class SelfieSerializer(serializers.Serializer[Selfie]):
    """A selfie and what became of it; ``verdict`` counts once ``state`` is DONE."""

    id = serializers.IntegerField(source="pk")
    student_id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=WorkState.choices)
    verdict = serializers.ChoiceField(choices=Selfie.Verdict.choices)
    failure = serializers.SerializerMethodField(help_text="Why there is no usable face, and how to retake; else null.")
    created_at = serializers.DateTimeField()

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, selfie: Selfie) -> dict[str, str] | None:
        """Give code and reason of a failed selfie."""
        return failure_of(selfie)


def failure_of(work: Any) -> dict[str, str] | None:
    """Give code and reason of failed work, else None."""
    return dict(FailureSerializer(work).data) if work.state == WorkState.FAILED else None


class StudentSerializer(serializers.Serializer[Student]):
    """A student in full, for those who teach them."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    preferred_name = serializers.CharField()
    sort_key = serializers.CharField()
    pronunciation = serializers.CharField()
    school_id = serializers.CharField(allow_null=True)
    by_hand_only = serializers.BooleanField()
    selfies = SelfieSerializer(many=True, source="selfies.all")


class NewStudentSerializer(StrictSerializer):
    """A student who joins a roster; a school id keeps namesakes apart."""

    name = StrictCharField(max_length=200)
    from_day = serializers.DateField(help_text="First day on the roster.")
    sort_key = StrictCharField(max_length=200, required=False)
    preferred_name = StrictCharField(max_length=200, required=False, allow_blank=True)
    pronunciation = StrictCharField(max_length=200, required=False, allow_blank=True)
    school_id = StrictCharField(max_length=64, required=False)
    email = StrictCharField(max_length=254, required=False, allow_blank=True)


class ConsentSerializer(StrictSerializer):
    """Whether the student agreed, on paper or in person, to the policy in force."""

    agreed = StrictBooleanField(help_text="false withdraws: selfies and face data are deleted at once.")


class EnrolmentLinkSerializer(serializers.Serializer[Any]):
    """A one-time link; it is shown this once, and only its hash is kept."""

    address = serializers.CharField()
