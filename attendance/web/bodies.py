"""How large a page's request may be: told by its header, before a byte of it is read or laid on the disk."""

from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from attendance.permissions import may_teach
from attendance.services.errors import PhotoTooLarge
from attendance.web.answers import refusal
from attendance.web.forms.rosters import LARGEST_FILE_BYTES

_MEGABYTE: Final = 1024 * 1024
_AROUND_FILES: Final = _MEGABYTE
"""For the fields of the form beside the files."""
_FORM: Final = 64 * 1024
"""A form without files; the proxy passes so much on only when it is all there."""
_MANY_PHOTOS: Final = "session-upload"
_ONE_TIME_LINK: Final = "link"


class BodyLimitMiddleware:
    """Refuses a body that no page takes, before the check of the CSRF token reads it: strangers send those too.

    The API refuses by itself, with limits of its own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Leave the answer to the view."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        """Answer 413 in place of the view."""
        route = request.resolver_match
        if route is not None and route.app_names == ["api"]:
            return None
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        most = _FORM if length <= _FORM else _largest_body(request)
        if length <= most:
            return None
        if most == _FORM:
            return refusal(request, PhotoTooLarge(_("That is too large for this page.")))
        sentence = _("That is too large: all files of one upload may have %(n)d MB together.")
        return refusal(request, PhotoTooLarge(sentence % {"n": (most - _AROUND_FILES) // _MEGABYTE}))


def _largest_body(request: HttpRequest) -> int:
    """Give the limit in bytes: many photos for who teaches, one file for who has signed in or holds a one-time link.

    A stranger's body would hold a thread for as long as it trickles in, so it stays so small that a proxy gathers it.
    """
    one_photo: int = settings.MAX_PHOTO_MB * _MEGABYTE
    route = request.resolver_match
    name = None if route is None else route.url_name
    if not request.user.is_authenticated:
        return one_photo + _AROUND_FILES if name == _ONE_TIME_LINK else _FORM
    if name == _MANY_PHOTOS and may_teach(request.user):
        return one_photo * int(settings.MAX_PHOTOS_PER_UPLOAD) + _AROUND_FILES
    return max(one_photo, LARGEST_FILE_BYTES) + _AROUND_FILES
