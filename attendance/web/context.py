"""What every template may use."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from attendance.services.school import school_settings


def school(request: HttpRequest) -> dict[str, Any]:
    """Give the school's settings, read only where a template asks, and the part of the site that is open."""
    match = request.resolver_match
    name = match.url_name if match and match.url_name else ""
    section = _SECTIONS.get(name.partition("-")[0], "")
    # Held selfies hang below the school for who runs it, and beside the courses for who teaches.
    if name == "selfies-held" and getattr(request.user, "is_admin", False):
        section = "school"
    return {"school": SimpleLazyObject(school_settings), "section": section}


_SECTIONS = {
    "today": "today",
    "session": "today",
    "courses": "courses",
    "course": "courses",
    "roster": "courses",
    "student": "courses",
    "report": "courses",
    "selfie": "courses",
    "selfies": "courses",
    "face": "today",
    "own": "own",
    "school": "school",
    "people": "school",
    "person": "school",
    "term": "school",
    "terms": "school",
}
