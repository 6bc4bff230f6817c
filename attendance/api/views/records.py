"""The register: read, set, cleared, and its history."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api import examples
from attendance.api.base import ApiView, ListView, person
from attendance.api.preconditions import ETAG_HEADER, IF_MATCH_HEADER, etag, version_seen
from attendance.api.schema import example, problems
from attendance.api.serializers.records import HistorySerializer, RecordSerializer, SetRecordSerializer
from attendance.api.serializers.strict import checked
from attendance.api.views.sessions import load_session
from attendance.models import ClassSession, Student
from attendance.permissions import visible_students
from attendance.services import records, register
from attendance.services.errors import not_found


def _load_student(request: Request, pk: int) -> Student:
    return get_object_or_404(visible_students(person(request)), pk=pk)


def _line(session: ClassSession, student_pk: int) -> Response:
    """Answer with a student's line in the register and its version.

    Raises:
        NotFound: the student is not in this register.
    """
    for row in register.register(session):
        if row.student.pk == student_pk:
            return Response(RecordSerializer(row).data, headers=etag(row.version))
    raise not_found("student")


class RecordsView(ListView):
    """The register of a session."""

    @extend_schema(
        operation_id="records",
        responses={200: RecordSerializer(many=True), **problems(400, 404)},
        examples=[examples.RECORD],
    )
    def get(self, request: Request, pk: int) -> Response:
        """List everybody on that day's roster, with or without a mark, in roster order."""
        return self.page(register.register(load_session(request, pk)), RecordSerializer)


class RecordView(ApiView):
    """One student's mark in a session."""

    @extend_schema(
        operation_id="record",
        parameters=[ETAG_HEADER],
        responses={200: RecordSerializer, **problems(404)},
        examples=[examples.RECORD],
    )
    def get(self, request: Request, pk: int, student_pk: int) -> Response:
        """Tell of one mark."""
        return _line(load_session(request, pk), student_pk)

    @extend_schema(
        operation_id="set_record",
        parameters=[IF_MATCH_HEADER, ETAG_HEADER],
        request=SetRecordSerializer,
        responses={200: RecordSerializer, **problems(400, 404, 409, 412, 413, 415)},
        examples=[example("Late, the bus", {"status": "LATE", "version": 1, "reason": "The bus"}, request=True)],
    )
    def put(self, request: Request, pk: int, student_pk: int) -> Response:
        """Mark a student by hand; recognition never changes it again."""
        session, student = load_session(request, pk), _load_student(request, student_pk)
        values = checked(SetRecordSerializer, request.data)
        records.set_status(
            session=session,
            student=student,
            status=values["status"],
            by=person(request),
            version=version_seen(request, values),
            reason=values["reason"],
        )
        return _line(session, student_pk)

    @extend_schema(
        operation_id="clear_record",
        parameters=[IF_MATCH_HEADER],
        request=None,
        responses={204: None, **problems(400, 404, 409, 412)},
    )
    def delete(self, request: Request, pk: int, student_pk: int) -> Response:
        """Take a mark away: the student is not seen again, and recognition does not mark them in this session."""
        session, student = load_session(request, pk), _load_student(request, student_pk)
        records.clear_status(session=session, student=student, by=person(request), version=version_seen(request, {}))
        return Response(status=204)


class HistoryView(ListView):
    """What became of a mark."""

    @extend_schema(operation_id="record_history", responses={200: HistorySerializer(many=True), **problems(400, 404)})
    def get(self, request: Request, pk: int, student_pk: int) -> Response:
        """List each change of a student's mark, the latest first."""
        session, student = load_session(request, pk), _load_student(request, student_pk)
        return self.page(register.history(session=session, student=student), HistorySerializer)
