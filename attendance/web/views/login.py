"""Signing in, and the page of somebody who tried too often."""

import math
from typing import Any, Final, cast

from axes.helpers import get_cool_off
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from attendance.web.answers import UserRequest, is_htmx

_STOP_ASKING: Final = 286
"""htmx's own status: a part of a page that asks again and again asks no more."""


class Login(LoginView):
    """The sign-in page; who is signed in already goes on."""

    template_name = "login/login.html"
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form; to a page whose session has ended meanwhile only that it has, in place of its part."""
        return _signed_out(cast(UserRequest, request)) if is_htmx(request) else super().get(request, *args, **kwargs)


def _signed_out(request: UserRequest) -> HttpResponse:
    """Say it where the page shows its notices; a window that waits for its content gets the sentence itself."""
    response = render(request, "login/_signed_out.html", status=_STOP_ASKING)
    response["HX-Reswap"] = "innerHTML"
    if request.htmx.target != "panel-body":
        response["HX-Retarget"] = "#notices"
    return response


def locked_out(
    request: HttpRequest, original_response: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """Answer 429 with the time to wait; django-axes calls this."""
    cool_off = get_cool_off(request)
    seconds = 900 if cool_off is None else int(cool_off.total_seconds())
    minutes = math.ceil(seconds / 60)
    sentence = ngettext(
        "Too many wrong passwords. Wait %(minutes)d minute, then try again.",
        "Too many wrong passwords. Wait %(minutes)d minutes, then try again.",
        minutes,
    ) % {"minutes": minutes}
    response = render(request, "errors/_page.html", {"title": _("Please wait"), "sentence": sentence}, status=429)
    response["Retry-After"] = str(seconds)
    return response
