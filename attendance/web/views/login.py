"""Signing in, and the page of somebody who tried too often."""

import math
from typing import Any

from axes.helpers import get_cool_off
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class Login(LoginView):
    """The sign-in page; who is signed in already goes on."""

    template_name = "login/login.html"
    redirect_authenticated_user = True


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
