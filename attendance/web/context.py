"""What every template may use."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from attendance.models import SchoolSettings


def _settings_row() -> SchoolSettings:
    """Give the school's row; unsaved defaults before the first one is written."""
    return SchoolSettings.objects.filter(pk=1).first() or SchoolSettings(pk=1)


def school(request: HttpRequest) -> dict[str, Any]:
    """Give the school's settings, read only where a template asks, and the part of the site that is open."""
    match = request.resolver_match
    name = match.url_name if match and match.url_name else ""
    return {"school": SimpleLazyObject(_settings_row), "section": _SECTIONS.get(name.partition("-")[0], "")}


_SECTIONS = {
    "today": "today",
    "session": "today",
    "courses": "courses",
    "course": "courses",
    "roster": "courses",
    "student": "courses",
    "report": "courses",
    "selfie": "courses",
    "own": "own",
    "school": "school",
    "people": "school",
    "term": "school",
}
