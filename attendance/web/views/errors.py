"""Requests that are refused before any view sees them."""

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views import defaults

from attendance.services.errors import ServiceError, TooManyPhotos
from attendance.web.answers import refusal


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or what a refusal of ours says; who sent hundreds of photos at once reads how many may come."""
    if isinstance(exception, ServiceError):
        return refusal(request, exception)
    if not isinstance(exception, TooManyFilesSent):
        return defaults.bad_request(request, exception)
    sentence = _("At most %(most)d photos in one go; send the rest after them.")
    return refusal(request, TooManyPhotos(sentence % {"most": settings.MAX_PHOTOS_PER_UPLOAD}))
