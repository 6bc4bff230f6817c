"""Files that a page hands out."""

from typing import Final

from django.http import HttpResponse

TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}


def attachment(body: str | bytes, *, name: str) -> HttpResponse:
    """Give a file to be saved; the name is ours, never a person's."""
    response = HttpResponse(body, content_type=TYPES[name.rsplit(".", 1)[-1]])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def picture(jpeg: bytes) -> HttpResponse:
    """Give a picture to a page that may show it; nobody keeps a copy."""
    response = HttpResponse(jpeg, content_type="image/jpeg")
    response["Cache-Control"] = "no-store, private"
    response["X-Content-Type-Options"] = "nosniff"
    return response
