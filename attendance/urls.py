"""Which address leads where."""

from django.urls import URLPattern, URLResolver, include, path

from attendance.admin import back_office

handler400 = "attendance.web.views.errors.bad_request"

urlpatterns: list[URLPattern | URLResolver] = [
    path("back-office/", back_office.urls),
    path("api/v1/", include("attendance.api.urls")),
    path("", include("attendance.web.urls")),
]
