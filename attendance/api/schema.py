"""How the OpenAPI page tells of errors, uploads and pictures."""

from http import HTTPStatus
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from attendance.api.problems import MEDIA_TYPE


class FieldErrorSerializer(serializers.Serializer[Any]):
    """One wrong field of a request."""

    field = serializers.CharField(help_text="Its name; empty when the whole body is meant.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """What went wrong (RFC 9457): ``detail`` is for people, ``code`` for programs."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable: never translated, never reworded.")
    detail = serializers.CharField()
    request_id = serializers.CharField(help_text="Quote it when asking for help: the log has the same.")
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]  # a field's name, as declared


_SENTENCES: Final = {
    400: ("invalid", "starts_at: This field is required."),
    401: ("not-authenticated", "Authentication credentials were not provided."),
    403: ("permission-denied", "This is open to teachers only."),
    404: ("not-found", "Not found."),
    409: ("session-closed", "This session is final. Reopen it to change its records."),
    410: ("link-used", "This link was used already."),
    412: ("record-changed", "Somebody changed this record meanwhile."),
    413: ("body-too-large", "The body may have 25664 KiB at most."),
    415: ("unsupported-photo", "Photos may be JPEG, PNG, WebP or HEIC."),
    429: ("throttled", "Request was throttled. Expected available in 30 seconds."),
    503: ("queue-too-long", "Many photos wait already. Please try again in a minute."),
    507: ("disk-full", "There is no room left for photos. Tell the person who runs this site."),
}


def problems(*statuses: int, anonymous: bool = False) -> dict[Any, OpenApiResponse]:
    """Describe the errors of an operation.

    Args:
        statuses: those that are this operation's own.
        anonymous: leaves out 401 and 403, which every other operation has.
    """
    everywhere = {429} if anonymous else {401, 403, 429}
    described = {}
    for status in sorted(everywhere | set(statuses)):
        code, detail = _SENTENCES[status]
        title = HTTPStatus(status).phrase
        example = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
        described[status, MEDIA_TYPE] = OpenApiResponse(
            ProblemSerializer,
            description=title,
            examples=[OpenApiExample(title, value={**example, "request_id": "6f1c0a5d2f0b4f7e"}, response_only=True)],
        )
    return described


def header(name: str, description: str) -> OpenApiParameter:
    """Describe a request header."""
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


def location(status: int, description: str) -> OpenApiParameter:
    """Describe the ``Location`` of an answer."""
    return OpenApiParameter("Location", str, OpenApiParameter.HEADER, description=description, response=[status])


def example(name: str, value: Any, *, request: bool = False) -> OpenApiExample:
    """Give an example of a body that goes one way only."""
    return OpenApiExample(name, value=value, request_only=request, response_only=not request)
