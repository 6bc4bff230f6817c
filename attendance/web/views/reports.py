"""Reports of a course: on the page, in print, as CSV and XLSX; the number opens the rows behind it."""

from decimal import Decimal
from typing import Final

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from attendance.permissions import visible_students
from attendance.services import exports
from attendance.services.reports import (
    CourseReport,
    at_risk,
    course_report,
    formula_sentence,
    student_report,
)
from attendance.web.answers import UserRequest
from attendance.web.decorators import teacher_page
from attendance.web.downloads import attachment
from attendance.web.forms.courses import PeriodForm
from attendance.web.views.courses import load_course

AT_RISK_PERCENT: Final = Decimal(80)
AT_RISK_IN_A_ROW: Final = 3


def _report(request: UserRequest, pk: int) -> CourseReport:
    course = load_course(request, pk)
    first_day, last_day = PeriodForm(request.GET).period(course.term)
    return course_report(course, first_day=first_day, last_day=last_day)


@teacher_page
@require_GET
def page(request: UserRequest, pk: int) -> HttpResponse:
    """The report with its formula, and who should be talked to."""
    report = _report(request, pk)
    context = {
        "course": report.course,
        "report": report,
        "risks": at_risk(report, below=AT_RISK_PERCENT, in_a_row=AT_RISK_IN_A_ROW),
        "form": PeriodForm(initial={"first_day": report.first_day, "last_day": report.last_day}),
    }
    return render(request, "reports/report.html", context)


@teacher_page
@require_GET
def download(request: UserRequest, pk: int, kind: str) -> HttpResponse:
    """The report as a file; the export is in the audit log."""
    if kind not in {"csv", "xlsx"}:
        raise Http404
    report = _report(request, pk)
    body: str | bytes
    if kind == "csv":
        body = exports.report_csv(report, by=request.user)
    else:
        body = exports.report_xlsx(report, by=request.user)
    name = f"attendance-{pk}-{report.first_day:%Y%m%d}-{report.last_day:%Y%m%d}.{kind}"
    return attachment(body, name=name)


@teacher_page
@require_GET
def student(request: UserRequest, pk: int, student_pk: int) -> HttpResponse:
    """The sessions behind a student's number."""
    course = load_course(request, pk)
    who = get_object_or_404(visible_students(request.user).filter(enrolments__course=course).distinct(), pk=student_pk)
    first_day, last_day = PeriodForm(request.GET).period(course.term)
    context = {
        "course": course,
        "student": who,
        "formula": formula_sentence(course),
        "rows": student_report(course, student=who, first_day=first_day, last_day=last_day),
    }
    return render(request, "reports/student.html", context)
