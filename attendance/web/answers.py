"""One place where a refusal becomes an answer: a page, a fragment for htmx, or JSON for the uploader."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django_htmx.middleware import HtmxDetails

from attendance.models import User
from attendance.services.errors import ServiceError, TryLater


class UserRequest(HttpRequest):
    """A request of somebody who has signed in."""

    user: User
    htmx: HtmxDetails


def back_address(request: HttpRequest, *, default: str) -> str:
    """Give the page that the person came from, if it is one of ours."""
    came_from = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(
        came_from, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return came_from if ours else default


def wants_json(request: HttpRequest) -> bool:
    """Whether our own script asks, which reads JSON."""
    return request.headers.get("Accept", "").startswith("application/json")


def is_htmx(request: HttpRequest) -> bool:
    """Whether htmx asks for a fragment."""
    return bool(cast(UserRequest, request).htmx)


def refusal(request: HttpRequest, error: ServiceError) -> HttpResponse:
    """Answer with what a service refused, with its status and its sentence."""
    response = _refusal_body(request, error)
    if isinstance(error, TryLater):
        response["Retry-After"] = str(error.retry_after)
    return response


def _refusal_body(request: HttpRequest, error: ServiceError) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"code": error.code, "detail": str(error)}, status=error.status)
    if is_htmx(request):
        response = render(request, "parts/_notice.html", {"kind": "error", "sentence": str(error)}, status=error.status)
        response["HX-Retarget"], response["HX-Reswap"] = "#notices", "innerHTML"
        return response
    back = back_address(request, default="")
    context: dict[str, Any] = {"title": _("That did not work"), "sentence": str(error), "back": back}
    return render(request, "errors/_page.html", context, status=error.status)


def go_back(request: HttpRequest, *, default: str) -> HttpResponse:
    """Send the browser back to where the form was, after it did its work."""
    address = back_address(request, default=default)
    if is_htmx(request):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = address
        return response
    return redirect(address)
