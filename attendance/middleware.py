"""What every request carries: who, from where, under which id; and what every answer says to the browser."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from attendance.context import RequestContext, request_context
from attendance.services.metrics import counters

REQUEST_ID: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""A UUID with or without hyphens, as proxies make them: the audit log keeps it, so nobody may write words there."""
_ASKED_ALL_THE_TIME: Final = {"health-live", "health-ready", "metrics"}
_access = logging.getLogger("attendance.access")
Handler = Callable[[HttpRequest], HttpResponse]


def client_address(request: HttpRequest) -> str:
    """Give the client's address, believing only as many forwarding entries as we run proxies."""
    proxies: int = settings.TRUSTED_PROXIES
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if proxies and len(forwarded) >= proxies:
        return str(forwarded[-proxies])
    return str(request.META.get("REMOTE_ADDR", ""))


def _note(request: HttpRequest, response: HttpResponse, *, seconds: float) -> None:
    """Write a line and count: by the pattern of the address, since the address itself may hold a secret."""
    match = request.resolver_match
    view, route = (match.view_name, match.route) if match else ("none", "none")
    level = logging.DEBUG if view in _ASKED_ALL_THE_TIME or match is None else logging.INFO
    _access.log(
        level,
        "%s %s %d",
        request.method,
        route,
        response.status_code,
        extra={"method": request.method, "route": route, "status": response.status_code, "view": view}
        | {"milliseconds": round(seconds * 1000)},
    )
    counters.count_request(view=view, status=response.status_code, seconds=seconds)


class RequestContextMiddleware:
    """Gives each request an id and remembers where it came from."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer inside this request's context."""
        offered = request.headers.get("X-Request-ID", "")
        request_id = offered if REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex
        with request_context(RequestContext(request_id=request_id, address=client_address(request) or None)):
            started = time.monotonic()
            response = self.get_response(request)
            _note(request, response, seconds=time.monotonic() - started)
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
