"""Students, their selfies and their enrolment links."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance import tasks
from attendance.api import examples
from attendance.api.base import ApiView, UploadView, person
from attendance.api.schema import location, problems
from attendance.api.serializers.people import (
    ConsentSerializer,
    EnrolmentLinkSerializer,
    SelfieSerializer,
    StudentSerializer,
)
from attendance.api.serializers.sessions import PhotoUploadSerializer
from attendance.api.serializers.strict import checked
from attendance.api.uploads import photo_bytes_of
from attendance.models import Student
from attendance.permissions import visible_selfies, visible_students
from attendance.services import gallery


def load_student(request: Request, pk: int) -> Student:
    """Give a student that the caller may see."""
    students: QuerySet[Student] = visible_students(person(request)).prefetch_related("selfies")
    return get_object_or_404(students, pk=pk)


class StudentView(ApiView):
    """One student."""

    @extend_schema(operation_id="student", responses={200: StudentSerializer, **problems(404)})
    def get(self, request: Request, pk: int) -> Response:
        """Tell of a student and what became of their selfies."""
        return Response(StudentSerializer(load_student(request, pk)).data)


class ConsentView(ApiView):
    """A student's yes or no to face recognition."""

    @extend_schema(
        operation_id="set_consent",
        request=ConsentSerializer,
        responses={204: OpenApiResponse(description="Written down."), **problems(400, 404, 409)},
    )
    def put(self, request: Request, pk: int) -> Response:
        """Write down that a student agreed to the policy in force, or withdrew."""
        student, agreed = load_student(request, pk), checked(ConsentSerializer, request.data)["agreed"]
        change = gallery.give_consent if agreed else gallery.withdraw_consent
        change(student=student, by=person(request))
        return Response(status=204)


class SelfiesView(UploadView):
    """The selfies of a student."""

    @extend_schema(
        operation_id="send_selfie",
        parameters=[location(202, "Where to watch it.")],
        request={"multipart/form-data": PhotoUploadSerializer},
        responses={
            202: OpenApiResponse(SelfieSerializer, description="Stored; a worker will look for the face."),
            **problems(400, 404, 409, 413, 415, 503, 507),
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Send a selfie of a student who has agreed."""
        student, data = load_student(request, pk), photo_bytes_of(request)
        selfie = gallery.add_selfie(student=student, data=data, by=person(request))
        tasks.wake(selfie)
        address = reverse("api:selfie", args=[selfie.pk])
        return Response(SelfieSerializer(selfie).data, status=202, headers={"Location": address})


class SelfieView(ApiView):
    """One selfie."""

    @extend_schema(
        operation_id="selfie", responses={200: SelfieSerializer, **problems(404)}, examples=[examples.SELFIE]
    )
    def get(self, request: Request, pk: int) -> Response:
        """Tell what became of a selfie; ask again until ``state`` is DONE or FAILED."""
        return Response(SelfieSerializer(get_object_or_404(visible_selfies(person(request)), pk=pk)).data)


class EnrolmentLinkView(ApiView):
    """A student's way to give a selfie themselves."""

    @extend_schema(
        operation_id="make_enrolment_link",
        request=None,
        responses={201: EnrolmentLinkSerializer, **problems(404, 409)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Make a one-time link to the page on which the student reads the policy, agrees and takes a selfie."""
        token = gallery.make_enrolment_link(student=load_student(request, pk), by=person(request))
        address = request.build_absolute_uri(reverse("link", args=[token]))
        return Response(EnrolmentLinkSerializer({"address": address}).data, status=201)
