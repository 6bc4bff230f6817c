"""A student as a teacher sees them: selfies, the one-time link, consent, "by hand only", enrolments."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from attendance.models import Course, Enrolment, Student
from attendance.permissions import may_administer, visible_courses, visible_students
from attendance.services import gallery, privacy, rosters
from attendance.web.answers import UserRequest
from attendance.web.decorators import admin_page, teacher_page
from attendance.web.forms.base import SwitchForm
from attendance.web.forms.students import EndForm, EraseForm, MoveForm, StudentForm, StudentOnRosterForm
from attendance.web.selfieviews import selfie_context
from attendance.web.views.courses import load_course


def load_student(request: UserRequest, pk: int) -> Student:
    """Give the student if this person may see them, else 404."""
    return get_object_or_404(visible_students(request.user), pk=pk)


def _page_context(request: UserRequest, student: Student) -> dict[str, Any]:
    enrolments = student.enrolments.filter(course__in=visible_courses(request.user)).select_related("course__term")
    courses = [enrolment.course for enrolment in enrolments]
    retake = None if student.by_hand_only else gallery.retakes([student.pk], courses=courses).get(student.pk)
    return selfie_context(student) | {
        "retake": retake,
        "enrolments": enrolments.order_by("-starts_on"),
        "may_administer": may_administer(request.user),
        "end_form": EndForm(initial={"last_day": timezone.localdate()}),
        "other_courses": _other_courses(request, student),
        "tomorrow": timezone.localdate() + dt.timedelta(days=1),
    }


@teacher_page
@require_GET
def page(request: UserRequest, pk: int) -> HttpResponse:
    """The student's page."""
    return render(request, "students/student.html", _page_context(request, load_student(request, pk)))


@teacher_page
def add(request: UserRequest, pk: int) -> HttpResponse:
    """Put a new student on a roster."""
    course = load_course(request, pk)
    form = StudentOnRosterForm(request.POST or None, initial={"from_day": timezone.localdate()})
    enrolment = form.submit(rosters.add_student, course=course, by=request.user)
    if enrolment is not None:
        messages.success(request, _("%(name)s is on the roster.") % {"name": enrolment.student.display_name})
        return redirect("student", pk=enrolment.student_id)
    context = {"form": form, "course": course, "title": _("Add a student"), "action": _("Add to the roster")}
    return render(request, "courses/form.html", context, status=form.status)


@teacher_page
def edit(request: UserRequest, pk: int) -> HttpResponse:
    """Change a student's names and ids."""
    student = load_student(request, pk)
    form = StudentForm(request.POST or None, instance=student)
    if form.submit(rosters.update_student, student=load_student(request, pk), by=request.user) is not None:
        return redirect("student", pk=pk)
    context = {"form": form, "title": _("Change %(name)s") % {"name": student.display_name}, "action": _("Save")}
    return render(request, "courses/form.html", context, status=form.status)


@teacher_page
@require_POST
def end(request: UserRequest, pk: int) -> HttpResponse:
    """End an enrolment; the past stays."""
    enrolment = get_object_or_404(Enrolment.objects.filter(course__in=visible_courses(request.user)), pk=pk)
    last_day = EndForm(request.POST).day()
    rosters.end_enrolment(enrolment=enrolment, last_day=last_day, by=request.user)
    messages.success(request, _("The enrolment ends on %(day)s.") % {"day": last_day.isoformat()})
    return redirect("student", pk=enrolment.student_id)


@teacher_page
@require_POST
def move(request: UserRequest, pk: int) -> HttpResponse:
    """End an enrolment and begin one in another course the day after; the old course keeps the past."""
    enrolment = get_object_or_404(
        Enrolment.objects.filter(course__in=visible_courses(request.user)).select_related("student"), pk=pk
    )
    move = MoveForm(request.POST, courses=_other_courses(request, enrolment.student)).move()
    rosters.move_student(enrolment=enrolment, by=request.user, **move)
    messages.success(
        request,
        _("From %(day)s on %(name)s is in %(course)s.")
        % {"day": move["first_day"].isoformat(), "name": enrolment.student.display_name, "course": move["to"].name},
    )
    return redirect("student", pk=enrolment.student_id)


def _other_courses(request: UserRequest, student: Student) -> QuerySet[Course]:
    """Where a student may move to: courses of this person's that are not over, and that do not have the student."""
    today = timezone.localdate()
    here = Enrolment.objects.filter(student=student).exclude(ends_on__lte=today)
    courses = visible_courses(request.user).filter(term__ends_on__gte=today).exclude(enrolments__in=here)
    return courses.select_related("term").order_by("name", "pk")


@teacher_page
@require_POST
def link(request: UserRequest, pk: int) -> HttpResponse:
    """Make a one-time link and show it once."""
    student = load_student(request, pk)
    token = gallery.make_enrolment_link(student=student, by=request.user)
    address = request.build_absolute_uri(reverse("link", args=[token]))
    context = _page_context(request, student) | {"link": address}
    return render(request, "students/student.html", context)


@teacher_page
@require_POST
def by_hand(request: UserRequest, pk: int) -> HttpResponse:
    """Switch "marked by hand only"."""
    on = SwitchForm(request.POST).is_on()
    gallery.set_by_hand_only(student=load_student(request, pk), on=on, by=request.user)
    return redirect("student", pk=pk)


@teacher_page
@require_POST
def consent(request: UserRequest, pk: int) -> HttpResponse:
    """Write down that the student agreed on paper, or withdrew."""
    student = load_student(request, pk)
    if SwitchForm(request.POST).is_on():
        gallery.give_consent(student=student, by=request.user)
    else:
        gallery.withdraw_consent(student=student, by=request.user)
        messages.success(request, _("Withdrawn. Selfies and face data are deleted; the attendance stays."))
    return redirect("student", pk=pk)


@teacher_page
@require_POST
def forget_confirmed(request: UserRequest, pk: int) -> HttpResponse:
    """Delete what confirmed faces have added."""
    gallery.remove_confirmed(student=load_student(request, pk), by=request.user)
    return redirect("student", pk=pk)


@admin_page
@require_POST
def erase(request: UserRequest, pk: int) -> HttpResponse:
    """Erase a student for good; the name must be typed, so that no slip of a finger does it."""
    student = load_student(request, pk)
    EraseForm(request.POST).confirm(student.name)
    receipt = privacy.erase_student(student=student, by=request.user)
    return render(request, "students/erased.html", {"receipt": receipt})
