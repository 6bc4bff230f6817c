"""The back office: admins look at every row, and change none.

Changes go through the pages and the API, whose services write them into the audit log. Keys, vectors, password and
token hashes, and pictures are never shown: each look at a picture belongs into the log too.
"""

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    Consent,
    Course,
    DetectedFace,
    Enrolment,
    EnrolmentLink,
    FaceModelChange,
    FaceTemplate,
    Heartbeat,
    PolicyText,
    SchoolSettings,
    Selfie,
    Snapshot,
    Student,
    Term,
    User,
)
from attendance.permissions import may_administer

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:  # generic for the type checker only
    _ModelAdmin = admin.ModelAdmin

_NEVER_SHOWN: Final = frozenset({"password", "token_hash", "landmarks", "candidates"})


class BackOffice(admin.AdminSite):
    """Django's admin site, signed in to through the school's own page."""

    site_header = _("Rollcall back office")
    site_title = _("Rollcall back office")
    index_title = _("Every table, to look at")
    index_template = "back_office/index.html"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in active admins who may open the back office."""
        user = request.user
        return isinstance(user, User) and user.is_staff and may_administer(user)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send strangers to the site's log-in; whoever is signed in and still here may not be."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect(f"{reverse('login')}?{urlencode({'next': request.get_full_path()})}")

    def password_change(  # type: ignore[override]  # the stubs know of Django's own page only
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send the admin to their own account's page: Django's form would write nothing into the audit log."""
        return redirect("person", pk=request.user.pk)


back_office = BackOffice(name="admin")


def _is_hidden(field: "models.Field[Any, Any]") -> bool:
    return isinstance(field, models.BinaryField | models.FileField) or field.name in _NEVER_SHOWN


class LookOnly(_ModelAdmin):
    """Rows to look at, without what must not be seen."""

    list_per_page = 50
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Give every field but sealed bytes, files and secrets."""
        return [field.name for field in self.model._meta.fields if not _is_hidden(field)]

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Nothing is a form."""
        return self.get_fields(request, obj)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse to filter by what is not shown: ``?password__startswith=a`` spells a hash out, letter by letter."""
        hidden = {field.name for field in self.model._meta.fields if _is_hidden(field)}
        return lookup.partition("__")[0] not in hidden and super().lookup_allowed(lookup, value, request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Let the site decide who is in."""
        return back_office.has_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """List it for whoever is in."""
        return back_office.has_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Never."""
        return False


@admin.register(AuditEvent, site=back_office)
class AuditEventAdmin(LookOnly):
    """Who saw or changed what, the last first."""

    list_display = ("at", "action", "actor_id", "object_type", "object_id", "course_id", "session_id", "student_id")
    list_filter = ("action",)
    search_fields = ("=object_id", "=session_id", "=student_id", "=request_id")


@admin.register(User, site=back_office)
class UserAdmin(LookOnly):
    """Accounts."""

    list_display = ("username", "name", "role", "is_staff", "is_active")
    list_filter = ("role", "is_active")
    search_fields = ("username", "name")


@admin.register(Student, site=back_office)
class StudentAdmin(LookOnly):
    """Students of all courses."""

    list_display = ("name", "sort_key", "school_id", "by_hand_only", "erased_at")
    search_fields = ("name", "preferred_name", "=school_id")


@admin.register(Course, site=back_office)
class CourseAdmin(LookOnly):
    """Courses and their formula."""

    list_display = ("name", "code", "term", "late_weight", "excused_counts", "unmarked_counts")
    list_filter = ("term",)
    list_select_related = ("term",)
    search_fields = ("name", "code")


@admin.register(Enrolment, site=back_office)
class EnrolmentAdmin(LookOnly):
    """Who is on which roster when."""

    list_display = ("student", "course", "starts_on", "ends_on")
    list_select_related = ("student", "course")
    search_fields = ("student__name", "course__name")


@admin.register(ClassSession, site=back_office)
class ClassSessionAdmin(LookOnly):
    """Meetings."""

    list_display = ("held_on", "course", "starts_at", "state")
    list_filter = ("state",)
    list_select_related = ("course",)
    search_fields = ("course__name",)


@admin.register(AttendanceRecord, site=back_office)
class AttendanceRecordAdmin(LookOnly):
    """Marks."""

    list_display = ("session", "student", "status", "source", "seen_at", "updated_at")
    list_filter = ("status", "source")
    list_select_related = ("session", "student")
    search_fields = ("student__name", "=session__id")


class QueuedWorkAdmin(LookOnly):
    """Background work, by where it stands."""

    list_display = ("pk", "state", "attempts", "queued_at", "finished_at", "failure_code")
    list_filter = ("state",)


back_office.register([Snapshot, Selfie, FaceModelChange], QueuedWorkAdmin)
back_office.register(
    [Consent, DetectedFace, EnrolmentLink, FaceTemplate, Heartbeat, PolicyText, SchoolSettings, Term], LookOnly
)
