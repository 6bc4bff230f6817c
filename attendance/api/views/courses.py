"""Courses and who is on their rosters."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api import examples
from attendance.api.base import ApiView, ListView, person
from attendance.api.schema import problems
from attendance.api.serializers.courses import (
    CourseSerializer,
    DayParameters,
    ReadinessSerializer,
    RosterParameters,
    RosterRowSerializer,
)
from attendance.api.serializers.people import NewStudentSerializer, StudentSerializer
from attendance.api.serializers.strict import checked
from attendance.models import Course
from attendance.permissions import visible_courses
from attendance.services import gallery, rosters


def load_course(request: Request, pk: int) -> Course:
    """Give a course that the caller may see."""
    return get_object_or_404(visible_courses(person(request)).select_related("term"), pk=pk)


class CoursesView(ListView):
    """The caller's courses."""

    @extend_schema(operation_id="courses", responses={200: CourseSerializer(many=True), **problems(400, 404)})
    def get(self, request: Request) -> Response:
        """List the courses that the caller teaches; all of them for an admin."""
        return self.page(visible_courses(person(request)).select_related("term"), CourseSerializer)


class CourseView(ApiView):
    """One course."""

    @extend_schema(operation_id="course", responses={200: CourseSerializer, **problems(404)})
    def get(self, request: Request, pk: int) -> Response:
        """Tell of one course."""
        return Response(CourseSerializer(load_course(request, pk)).data)


class RosterView(ListView):
    """A course's roster."""

    parameters: ClassVar[Any] = RosterParameters

    @extend_schema(
        operation_id="roster",
        parameters=[RosterParameters],
        responses={200: RosterRowSerializer(many=True), **problems(400, 404)},
    )
    def get(self, request: Request, pk: int) -> Response:
        """List who is enrolled on a day, and whom a photo can find."""
        day = self.asked.get("day", timezone.localdate())
        return self.page(gallery.roster_rows(load_course(request, pk), day=day), RosterRowSerializer)

    @extend_schema(
        operation_id="add_student",
        request=NewStudentSerializer,
        responses={201: StudentSerializer, **problems(400, 404)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Put a new student on the roster."""
        course, values = load_course(request, pk), checked(NewStudentSerializer, request.data)
        enrolment = rosters.add_student(course=course, by=person(request), **values)
        return Response(StudentSerializer(enrolment.student).data, status=201)


class ReadinessView(ApiView):
    """How ready a course is for its first photo."""

    parameters: ClassVar[Any] = DayParameters

    @extend_schema(
        operation_id="readiness",
        parameters=[DayParameters],
        responses={200: ReadinessSerializer, **problems(400, 404)},
        examples=[examples.READINESS],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Tell how many of the roster can be recognised, and who is missing."""
        day = self.asked.get("day", timezone.localdate())
        rows = gallery.roster_rows(load_course(request, pk), day=day)
        return Response(ReadinessSerializer(gallery.readiness(rows, day=day)).data)
