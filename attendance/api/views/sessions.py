"""Meetings of a course."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api import examples
from attendance.api.base import ApiView, ListView, person
from attendance.api.schema import example, location, problems
from attendance.api.serializers.sessions import (
    FinaliseSerializer,
    MarkedSerializer,
    OpenSessionSerializer,
    SessionParameters,
    SessionSerializer,
)
from attendance.api.serializers.strict import checked
from attendance.api.views.courses import load_course
from attendance.models import ClassSession
from attendance.permissions import visible_sessions
from attendance.services import records, sessions


def load_session(request: Request, pk: int) -> ClassSession:
    """Give a session that the caller may see."""
    return get_object_or_404(visible_sessions(person(request)).select_related("course"), pk=pk)


class SessionsView(ListView):
    """A course's meetings."""

    parameters: ClassVar[Any] = SessionParameters

    @extend_schema(
        operation_id="sessions",
        parameters=[SessionParameters],
        responses={200: SessionSerializer(many=True), **problems(400, 404)},
        examples=[examples.SESSION],
    )
    def get(self, request: Request, pk: int) -> Response:
        """List meetings, newest first."""
        lookups = {"first_day": "held_on__gte", "last_day": "held_on__lte", "state": "state"}
        asked = {lookups[name]: value for name, value in self.asked.items() if name in lookups}
        rows = visible_sessions(person(request)).filter(course=load_course(request, pk), **asked)
        return self.page(rows, SessionSerializer)

    @extend_schema(
        operation_id="open_session",
        parameters=[location(201, "Address of the session.")],
        request=OpenSessionSerializer,
        responses={201: SessionSerializer, **problems(400, 404, 409, 413, 415)},
        examples=[
            examples.SESSION,
            example(
                "A lesson",
                {"starts_at": "2026-03-02T08:00:00", "ends_at": "2026-03-02T09:30:00", "title": "Optics"},
                request=True,
            ),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Open a meeting."""
        course = load_course(request, pk)
        values = checked(OpenSessionSerializer, request.data)
        opened = sessions.open_session(course=course, by=person(request), **values)
        address = reverse("api:session", args=[opened.pk])
        return Response(SessionSerializer(opened).data, status=201, headers={"Location": address})


class SessionView(ApiView):
    """One meeting."""

    @extend_schema(
        operation_id="session", responses={200: SessionSerializer, **problems(404)}, examples=[examples.SESSION]
    )
    def get(self, request: Request, pk: int) -> Response:
        """Tell of one meeting."""
        return Response(SessionSerializer(load_session(request, pk)).data)


class FinaliseView(ApiView):
    """The end of a review."""

    @extend_schema(
        operation_id="finalise_session",
        request=FinaliseSerializer,
        responses={200: SessionSerializer, **problems(400, 404, 409, 413, 415)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Close the records; who was not seen becomes absent, unless ``mark_absent`` is false."""
        session = load_session(request, pk)
        values = checked(FinaliseSerializer, request.data)
        sessions.finalise_session(session=session, by=person(request), **values)
        return Response(SessionSerializer(load_session(request, pk)).data)


class ReopenView(ApiView):
    """A review taken up again."""

    @extend_schema(
        operation_id="reopen_session", request=None, responses={200: SessionSerializer, **problems(404, 409)}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Open the records again; every mark stays."""
        sessions.reopen_session(session=load_session(request, pk), by=person(request))
        return Response(SessionSerializer(load_session(request, pk)).data)


class RestPresentView(ApiView):
    """All others are here."""

    @extend_schema(operation_id="rest_present", request=None, responses={200: MarkedSerializer, **problems(404, 409)})
    def post(self, request: Request, pk: int) -> Response:
        """Mark present whoever has no mark yet; no mark that stands is touched."""
        marked = records.rest_present(session=load_session(request, pk), by=person(request))
        return Response(MarkedSerializer({"marked": marked}).data)
