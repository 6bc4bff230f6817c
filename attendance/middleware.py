"""What every request carries: who, from where, under which id; and what every answer says to the browser."""

import logging
import re
import uuid
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from attendance.context import RequestContext, current_context, request_context

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
ENROLMENT_TOKEN: Final = re.compile(r"/enrol/[^/\s?]+")
Handler = Callable[[HttpRequest], HttpResponse]


def client_address(request: HttpRequest) -> str:
    """Give the client's address, believing only as many forwarding entries as we run proxies."""
    proxies: int = settings.TRUSTED_PROXIES
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if proxies and len(forwarded) >= proxies:
        return str(forwarded[-proxies])
    return str(request.META.get("REMOTE_ADDR", ""))


class RequestContextMiddleware:
    """Gives each request an id and remembers where it came from."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer inside this request's context."""
        offered = request.headers.get("X-Request-ID", "")
        request_id = offered if REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex
        with request_context(RequestContext(request_id=request_id, address=client_address(request) or None)):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class HeadersMiddleware:
    """Keeps pages about people out of caches, and the camera to ourselves."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the headers set, where the view set none."""
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", "camera=(self), microphone=(), geolocation=()")
        response.setdefault("Cache-Control", "no-store")
        return response


class ContextFilter(logging.Filter):
    """Adds the request's id to each log line, and takes the secret out of one-time links."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, with its ``request_id`` and without a token that may still be used."""
        record.request_id = current_context().request_id
        sentence = record.getMessage()
        if ENROLMENT_TOKEN.search(sentence):
            record.msg, record.args = ENROLMENT_TOKEN.sub("/enrol/[token]", sentence), None
        return True
