"""The faces in a photo and the teacher's word on them."""

import uuid

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api import examples
from attendance.api.base import ApiView, ListView, person
from attendance.api.schema import example, problems
from attendance.api.serializers.sessions import DecisionSerializer, FaceSerializer
from attendance.api.serializers.strict import checked
from attendance.api.views.photos import load_photo
from attendance.models import DetectedFace, Student
from attendance.permissions import visible_faces, visible_students
from attendance.services import faces_review


def _faces(request: Request) -> QuerySet[DetectedFace]:
    return visible_faces(person(request)).select_related("student", "decided_student", "snapshot__session__course")


def _candidates(request: Request, faces: list[DetectedFace]) -> dict[int, Student]:
    """Give the candidates whom the caller may see, in one query for all faces."""
    pks = {pk for face in faces for pk, _similarity in face.candidates}
    return {student.pk: student for student in visible_students(person(request)).filter(pk__in=pks)}


class FacesView(ListView):
    """The faces in a photo."""

    @extend_schema(
        operation_id="faces", responses={200: FaceSerializer(many=True), **problems(400, 404)}, examples=[examples.FACE]
    )
    def get(self, request: Request, public_id: uuid.UUID) -> Response:
        """List boxes, what the machine decided and why, and what a teacher said."""
        faces = list(_faces(request).filter(snapshot=load_photo(request, public_id)).defer("sealed_embedding"))
        return self.page(faces, FaceSerializer, students=_candidates(request, faces))


class DecisionView(ApiView):
    """A teacher's word on a face."""

    @extend_schema(
        operation_id="decide_face",
        request=DecisionSerializer,
        responses={200: FaceSerializer, **problems(400, 404, 409, 413, 415)},
        examples=[
            example("This is student 17", {"decision": "STUDENT", "student_id": 17}, request=True),
            example("A guest", {"decision": "NOT_IN_CLASS", "outsider": "GUEST"}, request=True),
        ],
    )
    def put(self, request: Request, pk: int) -> Response:
        """Say who a face is, or that it is nobody of this class; the session's open faces are decided anew."""
        face = get_object_or_404(_faces(request), pk=pk)
        values = checked(DecisionSerializer, request.data)
        student = named_student(request, values.pop("student_id", None))
        faces_review.decide_face(face=face, student=student, by=person(request), **values)
        decided = _faces(request).get(pk=pk)
        context = {"students": _candidates(request, [decided])}
        return Response(FaceSerializer(decided, context=context).data)


def named_student(request: Request, pk: int | None) -> Student | None:
    """Give the student whom a body names, if it names one.

    Raises:
        ValidationError: the caller knows no such student.
    """
    if pk is None:
        return None
    student = visible_students(person(request)).filter(pk=pk).first()
    if student is None:
        raise ValidationError({"student_id": "There is no such student."})
    return student
