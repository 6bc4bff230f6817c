"""The unknown faces of a course, grouped by person, and the teacher's word on a group."""

from collections.abc import Iterable

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api import examples
from attendance.api.base import ApiView, ListView, person
from attendance.api.schema import example, problems
from attendance.api.serializers.strangers import AnswerSerializer, GroupDecisionSerializer, StrangerGroupSerializer
from attendance.api.serializers.strict import checked
from attendance.api.views.courses import load_course
from attendance.api.views.faces import named_student
from attendance.models import Student
from attendance.permissions import visible_students
from attendance.services import strangers


def _candidates(request: Request, groups: Iterable[strangers.Group]) -> dict[int, Student]:
    """Give the candidates whom the caller may see, in one query for all groups."""
    pks = {pk for group in groups for pk, _similarity in group.candidates}
    return {student.pk: student for student in visible_students(person(request)).filter(pk__in=pks)}


class UnknownFacesView(ListView):
    """The unknown faces of a course's open sessions."""

    @extend_schema(
        operation_id="unknown_faces",
        responses={200: StrangerGroupSerializer(many=True), **problems(400, 404, 503)},
        examples=[examples.STRANGERS],
    )
    def get(self, request: Request, pk: int) -> Response:
        """List the faces that matched nobody, grouped by person, the largest group first; made anew at each call."""
        groups = strangers.groups(load_course(request, pk))
        return self.page(groups, StrangerGroupSerializer, students=_candidates(request, groups))


class UnknownFacesDecisionView(ApiView):
    """A teacher's word on a group."""

    @extend_schema(
        operation_id="decide_unknown_faces",
        request=GroupDecisionSerializer,
        responses={200: AnswerSerializer, **problems(400, 404, 409, 413, 415)},
        examples=[
            example("A guest", {"face_ids": [912, 870], "decision": "NOT_IN_CLASS", "outsider": "GUEST"}, request=True),
            example("This is student 17", {"face_ids": [912], "decision": "STUDENT", "student_id": 17}, request=True),
            example("Two were answered, one was not", {"face_ids": [912, 870], "left": 1}),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Say of several faces who they are, each as ``decide_face`` says it of one; NONE takes the words back."""
        course = load_course(request, pk)
        values = checked(GroupDecisionSerializer, request.data)
        student = named_student(request, values.pop("student_id", None))
        answer = strangers.answer(course=course, student=student, by=person(request), **values)
        return Response(AnswerSerializer(answer).data)
