"""Who may open a page, and what becomes of a service's refusal. Every view carries exactly one of these."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from attendance.models import User
from attendance.permissions import may_administer, may_teach
from attendance.services.errors import ServiceError
from attendance.web.answers import UserRequest, refusal

P = ParamSpec("P")
UserView = Callable[Concatenate[UserRequest, P], HttpResponseBase]
PlainView = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def _guarded(view: UserView[P], may: Callable[[User], bool]) -> PlainView[P]:
    @wraps(view)
    def answer(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not may(cast(User, request.user)):
            raise PermissionDenied
        try:
            return view(cast(UserRequest, request), *args, **kwargs)
        except ServiceError as error:
            return refusal(request, error)

    return cast(PlainView[P], answer)


def teacher_page(view: UserView[P]) -> PlainView[P]:
    """A page for teachers and admins: a student gets 403."""
    return _guarded(view, may_teach)


def admin_page(view: UserView[P]) -> PlainView[P]:
    """A page for admins: everybody else gets 403."""
    return _guarded(view, may_administer)


def person_page(view: UserView[P]) -> PlainView[P]:
    """A page for everybody who has signed in."""
    return _guarded(view, lambda user: user.is_active)


def open_page(view: PlainView[P]) -> PlainView[P]:
    """A page without log-in: the one-time link and the health of the site."""

    @wraps(view)
    def answer(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except ServiceError as error:
            return refusal(request, error)

    return cast(PlainView[P], login_not_required(cast(Any, answer)))
