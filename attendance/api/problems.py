"""Every error of the API as RFC 9457 ``application/problem+json``: one shape, one sentence, one code."""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from attendance.api.serializers.records import RecordStateSerializer
from attendance.context import current_context
from attendance.services.errors import RecordChanged, ServiceError

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_CHECKSUM_MISMATCH: Final = (460, "Checksum Mismatch")
"""A status of the tus protocol, which HTTP itself has no name for."""


class BodyTooLarge(exceptions.APIException):
    """The request's body is over what this address takes."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "body-too-large"


def problem_response(exc: Exception, context: dict[str, Any]) -> Response:
    """Answer any exception that a view raised; what nobody foresaw becomes a 500 whose trace stays in the log."""
    request = context.get("request")
    conditional = request is not None and "If-Match" in request.headers
    if isinstance(exc, ServiceError):
        return _refusal(exc, conditional=conditional)
    known = _as_api_exception(exc)
    if known is None:
        logger.error("Unforeseen error in the API.", exc_info=exc)
        return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "error", "Something went wrong here. Please try again.")
    headers = {}
    if header := getattr(known, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if (wait := getattr(known, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait))
    if isinstance(known, exceptions.ValidationError):
        errors = list(_errors(known.get_full_details(), ""))
        return _problem(known.status_code, "invalid", _sentence(errors), errors=errors)
    codes = known.get_codes()
    code = codes if isinstance(codes, str) else known.default_code
    return _problem(known.status_code, code, str(known.detail), headers=headers)


def _as_api_exception(exc: Exception) -> exceptions.APIException | None:
    if isinstance(exc, exceptions.APIException):
        return exc
    if isinstance(exc, Http404):
        return exceptions.NotFound()
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(exc, RequestDataTooBig):
        return BodyTooLarge("The fields beside the photo are too large.")
    if isinstance(exc, SuspiciousOperation):
        return exceptions.ParseError("The request cannot be read.")
    return None


def _refusal(exc: ServiceError, *, conditional: bool) -> Response:
    """Answer what a service refused; a stale ``If-Match`` is 412 (RFC 9110, 13.1.1), a stale body 409."""
    status = exc.status
    members: dict[str, Any] = {}
    if isinstance(exc, RecordChanged):
        status = HTTPStatus.PRECONDITION_FAILED if conditional else exc.status
        members["current"] = None if exc.current is None else RecordStateSerializer(exc.current).data
    retry_after = getattr(exc, "retry_after", None)
    headers = {} if retry_after is None else {"Retry-After": str(int(retry_after))}
    return _problem(status, exc.code, str(exc), headers=headers, **members)


def _problem(status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> Response:
    return Response(
        {
            "type": "about:blank",
            "title": _CHECKSUM_MISMATCH[1] if status == _CHECKSUM_MISMATCH[0] else HTTPStatus(status).phrase,
            "status": int(status),
            "code": code.replace("_", "-"),
            "detail": detail,
            "request_id": current_context().request_id,
            **members,
        },
        status=int(status),
        headers=headers,
        content_type=MEDIA_TYPE,
    )


def _errors(details: Any, field: str) -> Iterator[dict[str, str]]:
    """Flatten the framework's nested errors into a list of field, code and sentence."""
    if isinstance(details, dict) and isinstance(details.get("code"), str) and "message" in details:
        code = details["code"].replace("_", "-")
        yield {"field": field, "code": code, "detail": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            whole = "" if name == "non_field_errors" else str(name)
            yield from _errors(inner, ".".join(part for part in (field, whole) if part))
    else:
        for inner in details:
            yield from _errors(inner, field)


def _sentence(errors: list[dict[str, str]]) -> str:
    return " ".join(f"{error['field']}: {error['detail']}" if error["field"] else error["detail"] for error in errors)
