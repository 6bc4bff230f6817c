"""Which address leads where."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("attendance.api.urls")),
    path("", include("attendance.web.urls")),
]
