"""A student's own page: record, selfie, consent, export. Nobody else's data is here."""

import json
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from attendance import tasks
from attendance.models import AttendanceRecord, Course, Enrolment, Student
from attendance.services import gallery, privacy
from attendance.services.reports import formula_sentence, student_report
from attendance.web.answers import UserRequest
from attendance.web.decorators import person_page
from attendance.web.downloads import attachment
from attendance.web.forms.base import SwitchForm
from attendance.web.forms.photos import SelfieForm
from attendance.web.selfieviews import selfie_context

LAST_MARKS: Final = 20


def _own_student(request: UserRequest) -> Student:
    return get_object_or_404(Student, user=request.user)


@person_page
@require_GET
def page(request: UserRequest) -> HttpResponse:
    """The page."""
    student = Student.objects.filter(user=request.user).first()
    if student is None:
        return render(request, "own/nobody.html")
    context = selfie_context(student) | {
        "enrolments": Enrolment.objects.filter(student=student).select_related("course__term").order_by("-starts_on"),
        "records": AttendanceRecord.objects.filter(student=student)
        .select_related("session__course")
        .order_by("-session__starts_at")[:LAST_MARKS],
    }
    return render(request, "own/own.html", context)


@person_page
@require_GET
def course(request: UserRequest, pk: int) -> HttpResponse:
    """The student's sessions in one course, and how they count."""
    student = _own_student(request)
    mine = get_object_or_404(
        Course.objects.filter(enrolments__student=student).distinct().select_related("term"), pk=pk
    )
    rows = student_report(mine, student=student, first_day=mine.term.starts_on, last_day=mine.term.ends_on)
    return render(request, "own/course.html", {"course": mine, "rows": rows, "formula": formula_sentence(mine)})


@person_page
@require_POST
def add_selfie(request: UserRequest) -> HttpResponse:
    """Take a new selfie; the old one stays until the new one passes."""
    student = _own_student(request)
    data = SelfieForm(request.POST, request.FILES).photo_bytes()
    tasks.wake(gallery.add_selfie(student=student, data=data, by=request.user))
    return redirect("own")


@person_page
@require_GET
def state(request: UserRequest) -> HttpResponse:
    """What became of the selfies."""
    return render(request, "selfies/_selfies.html", selfie_context(_own_student(request)))


@person_page
@require_POST
def consent(request: UserRequest) -> HttpResponse:
    """Agree, or withdraw: then selfies and templates are gone at once."""
    student = _own_student(request)
    if SwitchForm(request.POST).is_on():
        gallery.give_consent(student=student, by=request.user)
    else:
        gallery.withdraw_consent(student=student, by=request.user)
        messages.success(request, _("Withdrawn. Your selfies and face data are deleted; your attendance stays."))
    return redirect("own")


@person_page
@require_POST
def by_hand(request: UserRequest) -> HttpResponse:
    """Choose to be called by name, or to be recognised."""
    gallery.set_by_hand_only(student=_own_student(request), on=SwitchForm(request.POST).is_on(), by=request.user)
    return redirect("own")


@person_page
@require_POST
def forget_confirmed(request: UserRequest) -> HttpResponse:
    """Delete what confirmed faces have added."""
    gallery.remove_confirmed(student=_own_student(request), by=request.user)
    return redirect("own")


@person_page
@require_GET
def export(request: UserRequest) -> HttpResponse:
    """Everything that the school keeps about this student, as JSON."""
    kept = privacy.student_export(student=_own_student(request), by=request.user)
    return attachment(json.dumps(kept, indent=2, ensure_ascii=False, default=str), name="my-data.json")
