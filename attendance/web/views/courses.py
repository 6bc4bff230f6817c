"""A course: its roster, who can be recognised, its sessions; and the roster's import."""

from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from attendance.models import Course
from attendance.permissions import may_administer, visible_courses, visible_sessions
from attendance.services import gallery, roster_imports, rosters, strangers
from attendance.services.roster_imports import Action
from attendance.web.answers import UserRequest
from attendance.web.decorators import admin_page, teacher_page
from attendance.web.forms.courses import CourseForm
from attendance.web.forms.rosters import RosterConfirmForm, RosterForm, read_roster, sign_rows

SESSIONS_A_PAGE: Final = 20


def load_course(request: UserRequest, pk: int) -> Course:
    """Give the course if this person may see it, else 404."""
    return get_object_or_404(visible_courses(request.user).select_related("term"), pk=pk)


@teacher_page
@require_GET
def all_courses(request: UserRequest) -> HttpResponse:
    """All courses that this person works with, the newest term first."""
    courses = visible_courses(request.user).select_related("term").prefetch_related("teachers")
    context = {"courses": courses.order_by("-term__starts_on", "name"), "may_administer": may_administer(request.user)}
    return render(request, "courses/courses.html", context)


@teacher_page
@require_GET
def page(request: UserRequest, pk: int) -> HttpResponse:
    """The roster with each student's readiness, and the course's sessions."""
    course = load_course(request, pk)
    day = timezone.localdate()
    meetings = visible_sessions(request.user).filter(course=course)
    rows = gallery.roster_rows(course, day=day)
    context = {
        "course": course,
        "readiness": gallery.readiness(rows, day=day),
        "rows": rows,
        "unknown": strangers.unknown_faces(course).count(),
        "page": Paginator(meetings, SESSIONS_A_PAGE).get_page(request.GET.get("page")),
        "may_administer": may_administer(request.user),
    }
    return render(request, "courses/course.html", context)


@admin_page
def new(request: UserRequest) -> HttpResponse:
    """Make a course."""
    form = CourseForm(request.POST or None)
    course = form.submit(rosters.create_course, by=request.user)
    if course is not None:
        return redirect("course", pk=course.pk)
    context = {"form": form, "title": _("New course"), "action": _("Make the course")}
    return render(request, "courses/form.html", context, status=form.status)


@admin_page
def edit(request: UserRequest, pk: int) -> HttpResponse:
    """Change a course and how its percentage is counted."""
    course = load_course(request, pk)
    form = CourseForm(request.POST or None, instance=course)
    if form.submit(rosters.update_course, course=load_course(request, pk), by=request.user) is not None:
        return redirect("course", pk=pk)
    context = {"form": form, "course": course, "title": _("Course settings"), "action": _("Save")}
    return render(request, "courses/form.html", context, status=form.status)


@admin_page
def roster_import(request: UserRequest, pk: int) -> HttpResponse:
    """Look at a roster file first; only what was shown is written.

    For admins: a file finds students of the whole school by their id, which would open others' students to a teacher.
    """
    course = load_course(request, pk)
    if request.method == "POST" and "rows" in request.POST:
        return _apply_roster(request, course)
    form = RosterForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"course": course, "form": form}
    if form.is_valid():
        file = form.cleaned_data["file"]
        preview = roster_imports.preview_roster(course=course, data=read_roster(file), filename=file.name)
        context |= {"preview": preview, "rows": sign_rows(course, preview.file_rows)}
    return render(request, "courses/import.html", context)


def _apply_roster(request: UserRequest, course: Course) -> HttpResponse:
    form = RosterConfirmForm(request.POST)
    rows = form.signed_rows(course)
    applied = roster_imports.apply_roster(course=course, rows=rows, by=request.user, leave=form.cleaned_data["leave"])
    sentence = _("%(added)d added, %(updated)d changed, %(left)d left.") % {
        "added": applied.counts[Action.ADD] + applied.counts[Action.ENROL],
        "updated": applied.counts[Action.UPDATE],
        "left": applied.left,
    }
    messages.success(request, sentence)
    return redirect("course", pk=course.pk)
