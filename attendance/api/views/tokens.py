"""Logging in and out, and who one is."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication, TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.base import ApiView, ListView, person
from attendance.api.schema import example, problems
from attendance.api.serializers.people import LoginSerializer, MeSerializer, TokenSerializer
from attendance.api.serializers.records import OwnRecordSerializer
from attendance.api.serializers.strict import checked
from attendance.api.throttles import LoginThrottle
from attendance.models import AttendanceRecord
from attendance.services.errors import not_found


class TokenView(ApiView):
    """A person's token: one each, until they log out."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        """A log-in is judged by its body alone: a stale header must not stand in its way."""
        return [] if self.request is not None and self.request.method == "POST" else super().get_authenticators()

    def get_authenticate_header(self, request: Request) -> str:
        """Name the scheme in every 401."""
        return TokenAuthentication.keyword

    def get_permissions(self) -> Sequence[Any]:
        """Anybody may log in; only who is logged in can log out."""
        return [AllowAny()] if self.request is not None and self.request.method == "POST" else [IsAuthenticated()]

    def get_throttles(self) -> list[Any]:
        """Count log-ins on top."""
        extra = [LoginThrottle()] if self.request is not None and self.request.method == "POST" else []
        return [*super().get_throttles(), *extra]

    @extend_schema(
        operation_id="log_in",
        auth=[],
        request=LoginSerializer,
        responses={200: TokenSerializer, **problems(400, 401, 413, 415, anonymous=True)},
        examples=[
            example("Log in", {"username": "teacher", "password": "correct horse battery"}, request=True),
            example("A token", {"token": "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"}),
        ],
    )
    def post(self, request: Request) -> Response:
        """Log in: wrong passwords count towards the same lock-out as on the log-in page."""
        values = checked(LoginSerializer, request.data)
        inner = request._request
        user = authenticate(inner, username=values["username"], password=values["password"])
        if getattr(inner, "axes_locked_out", False):
            # Answered here as a problem, so that the middleware has no page to put in its place.
            inner.axes_locked_out = False  # type: ignore[attr-defined]  # axes puts it there
            raise Throttled(settings.AXES_COOLOFF_TIME * 3600, "Too many wrong passwords.")
        if user is None:
            raise AuthenticationFailed("Wrong user name or password.")
        user_logged_in.send(sender=type(user), request=inner, user=user)
        token, _ = Token.objects.get_or_create(user=user)
        return Response(TokenSerializer({"token": token.key}).data)

    @extend_schema(operation_id="log_out", request=None, responses={204: None, **problems()})
    def delete(self, request: Request) -> Response:
        """Log out: the token ends, on every device that holds it."""
        Token.objects.filter(user=person(request)).delete()
        return Response(status=204)


class MeView(ApiView):
    """The caller."""

    permission_classes = [IsAuthenticated]

    @extend_schema(operation_id="me", responses={200: MeSerializer, **problems()})
    def get(self, request: Request) -> Response:
        """Tell whose token this is."""
        return Response(MeSerializer(person(request)).data)


class OwnRecordsView(ListView):
    """What the register says of the caller."""

    permission_classes = [IsAuthenticated]

    @extend_schema(operation_id="my_records", responses={200: OwnRecordSerializer(many=True), **problems(404)})
    def get(self, request: Request) -> Response:
        """List the caller's own marks, newest first; 404 for who is no student."""
        student = getattr(person(request), "student", None)
        if student is None:
            raise not_found("student")
        records = AttendanceRecord.objects.filter(student=student).select_related("session__course")
        return self.page(records.order_by("-session__starts_at", "-pk"), OwnRecordSerializer)
