"""A course's report."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api import examples
from attendance.api.base import ApiView, person
from attendance.api.schema import problems
from attendance.api.serializers.courses import ReportSerializer, SpanParameters
from attendance.api.views.courses import load_course
from attendance.services import exports, reports


class SpanView(ApiView):
    """A report over a span of days."""

    parameters: ClassVar[Any] = SpanParameters

    def report(self, request: Request, pk: int) -> reports.CourseReport:
        """Count the course's marks in the span asked for, or in its whole term."""
        course = load_course(request, pk)
        first_day = self.asked.get("first_day", course.term.starts_on)
        last_day = self.asked.get("last_day", max(course.term.ends_on, first_day))
        return reports.course_report(course, first_day=first_day, last_day=last_day)


class ReportView(SpanView):
    """Marks and percentages of a course."""

    @extend_schema(
        operation_id="report",
        parameters=[SpanParameters],
        responses={200: ReportSerializer, **problems(400, 404)},
        examples=[examples.REPORT],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Count each student's marks; the formula says how the percentage comes about."""
        return Response(ReportSerializer(self.report(request, pk)).data)


class ReportCsvView(SpanView):
    """The same as a table."""

    @extend_schema(
        operation_id="report_csv",
        parameters=[SpanParameters],
        responses={(200, "text/csv"): OpenApiTypes.STR, **problems(400, 404)},
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        """Give the report as CSV (UTF-8 with BOM, cells that a spreadsheet cannot run)."""
        report = self.report(request, pk)
        name = f'attachment; filename="report-{pk}-{report.first_day}-{report.last_day}.csv"'
        text = exports.report_csv(report, by=person(request))
        return HttpResponse(text, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})
