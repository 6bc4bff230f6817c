"""What every view of the API has in common."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db.models import QuerySet
from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from attendance.api.pages import Pages
from attendance.api.problems import BodyTooLarge
from attendance.api.serializers.strict import PageSerializer, StrictSerializer, checked
from attendance.models import User
from attendance.permissions import may_teach

_SMALL_BODY_BYTES: Final = 64 * 1024


def person(request: Request) -> User:
    """Give who asks; only behind ``IsAuthenticated``."""
    if not isinstance(request.user, User):
        raise TypeError("This view must be behind IsAuthenticated.")
    return request.user


class JSONParser(parsers.JSONParser):
    """JSON whose nesting cannot exhaust the stack."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Read the body; thousands of nested brackets are a bad request and no server error."""
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error


class OneFormat(BaseContentNegotiation):
    """Each address has exactly one format, whatever ``Accept`` says: a 406 would help nobody."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Choose by the body's own type; None makes it a 415."""
        content_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Take the only one."""
        return renderers[0], renderers[0].media_type


class Teaches(BasePermission):
    """Open to teachers and admins; a student is told so with 403."""

    message = "This is open to teachers only."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller teaches; which courses, the querysets say."""
        return may_teach(person(request))


class ApiView(APIView):
    """A view for teachers and admins, with JSON in and out.

    Attributes:
        parameters: what a GET takes in the address after ``?``; anything else there is an error.
        asked: those parameters, checked.
    """

    permission_classes: Any = [IsAuthenticated, Teaches]
    parser_classes: Any = [JSONParser]
    content_negotiation_class = OneFormat
    metadata_class = None
    parameters: ClassVar[type[StrictSerializer]] = StrictSerializer
    asked: dict[str, Any]

    @property
    def max_body_bytes(self) -> int:
        """Largest body, in bytes; checked before a byte of it is read."""
        return _SMALL_BODY_BYTES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a large body, let in who may come, check what stands in the address."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > self.max_body_bytes:
            raise BodyTooLarge(f"The body may have {self.max_body_bytes // 1024} KiB at most.")
        super().initial(request, *args, **kwargs)
        parameters = self.parameters if request.method in ("GET", "HEAD") else StrictSerializer
        self.asked = checked(parameters, request.query_params.dict())


class ListView(ApiView):
    """A view that gives rows page by page."""

    pagination_class = Pages
    parameters = PageSerializer

    def page(
        self, rows: QuerySet[Any] | Sequence[Any], serializer: type[BaseSerializer[Any]], **context: Any
    ) -> Response:
        """Answer with the page asked for."""
        paginator = self.pagination_class()
        some = paginator.paginate_queryset(rows, self.request, view=self)
        return paginator.get_paginated_response(serializer(some, many=True, context=context).data)


class UploadView(ApiView):
    """A view that takes one photo as multipart."""

    parser_classes: Any = [parsers.MultiPartParser]

    @property
    def max_body_bytes(self) -> int:
        """The largest photo, and a little for the form around it."""
        megabytes: int = settings.MAX_PHOTO_MB
        return megabytes * 1024 * 1024 + _SMALL_BODY_BYTES
