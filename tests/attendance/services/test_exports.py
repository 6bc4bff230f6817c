"""Reports as files: equal to the records, and text to every spreadsheet."""

import csv
import datetime as dt
import io
import zipfile
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from attendance.models import AttendanceRecord, AuditEvent, ClassSession, Course, Enrolment, Status, Student, Term, User
from attendance.services import records
from attendance.services.exports import at_risk_csv, report_csv, report_xlsx, safe_cell, school_csv, session_csv
from attendance.services.reports import CourseReport, course_report
from attendance.services.sessions import finalise_session
from tests.conftest import MakeStudent

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠x", "  =1", "\u3000=1"]  # noqa: RUF001


def report_of(course: Course) -> CourseReport:
    return course_report(course, first_day=course.term.starts_on, last_day=course.term.ends_on)


def rows_of(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def sheet_cells(workbook: bytes) -> list[str]:
    """Every text of the first sheet; a formula in it fails the test."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        root = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314  our own workbook
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    assert root.find(f".//{space}f") is None
    return [text.text or "" for text in root.iter(f"{space}t")] + [value.text or "" for value in root.iter(f"{space}v")]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_starts_a_formula_is_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Ada", "Ada-Lena", "O'Neil", "1", "", "–"])  # noqa: RUF001  the dash of a cell
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


def test_number_below_nought_stays_a_number() -> None:
    assert safe_cell(-1) == -1


def test_csv_equals_the_records(course: Course, make_student: MakeStudent, teacher: User, today: dt.date) -> None:
    students = {student.name: student for student in (make_student(name) for name in ("ada", "ben", "cem", "dee"))}
    Enrolment.objects.filter(student=students["Dee"]).update(ends_on=today - dt.timedelta(days=2))
    for days_ago in (3, 1):
        starts_at = timezone.now() - dt.timedelta(days=days_ago)
        session = ClassSession.objects.create(
            course=course,
            starts_at=starts_at,
            ends_at=starts_at + dt.timedelta(hours=1),
            held_on=today - dt.timedelta(days=days_ago),
        )
        for name, status in (("Ada", Status.PRESENT), ("Ben", Status.LATE if days_ago == 1 else Status.EXCUSED)):
            records.set_status(session=session, student=students[name], status=status, by=teacher)
    finalise_session(session=session, by=teacher)
    lines = rows_of(report_csv(report_of(course), by=teacher))
    titles = [timezone.localtime(s.starts_at).strftime("%Y-%m-%d %H:%M") for s in ClassSession.objects.order_by("pk")]
    titles[0] += " (open)"
    assert [[line["Name"], *(line[title] for title in titles)] for line in lines] == [
        ["Ada", "P", "P"],
        ["Ben", "E", "L"],
        ["Cem", "", "A"],
        ["Dee", "", "–"],  # noqa: RUF001
    ]
    for line in lines:
        marks = list(AttendanceRecord.objects.filter(student__name=line["Name"]).values_list("status", flat=True))
        columns = {"PRESENT": "Present", "ABSENT": "Absent", "LATE": "Late", "EXCUSED": "Excused"}
        assert {status: int(line[column]) for status, column in columns.items()} == {
            status: marks.count(status) for status in columns
        }
    assert [line["Percent"] for line in lines] == ["100.0", "80.0", "0.0", ""]


def test_formula_sentence_is_on_every_report(course: Course, student: Student, teacher: User) -> None:
    report = report_of(course)
    (line,) = rows_of(report_csv(report, by=teacher))
    assert line["Formula"] == report.formula
    assert report.formula in sheet_cells(report_xlsx(report, by=teacher))


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "@SUM(1)", "-2+3", '+"x",\n"y"'])
def test_name_is_never_a_formula(name: str, class_session: ClassSession, student: Student, teacher: User) -> None:
    Student.objects.update(name=name, school_id="=1+1")
    records.set_status(session=class_session, student=student, status="PRESENT", by=teacher)
    report = report_of(class_session.course)
    today = class_session.held_on
    texts = [
        report_csv(report, by=teacher),
        session_csv(class_session, by=teacher),
        "".join(school_csv(first_day=today, last_day=today, by=teacher)),
    ]
    for text in texts:
        (line,) = rows_of(text)
        assert (line["Name"], line["School id"]) == (f"'{name}", "'=1+1")
    assert name in sheet_cells(report_xlsx(report, by=teacher))


def test_workbook_has_the_same_sums(class_session: ClassSession, student: Student, teacher: User) -> None:
    records.set_status(session=class_session, student=student, status="LATE", by=teacher)
    cells = sheet_cells(report_xlsx(report_of(class_session.course), by=teacher))
    assert {"Ada", "L", "80.0"} <= set(cells)


def test_session_says_not_seen_and_absent_apart(
    class_session: ClassSession, make_student: MakeStudent, teacher: User
) -> None:
    make_student("ada")
    records.set_status(session=class_session, student=make_student("ben"), status="ABSENT", by=teacher)
    lines = rows_of(session_csv(class_session, by=teacher))
    assert [(line["Name"], line["Mark"], line["Code"], line["Changed by"]) for line in lines] == [
        ("Ada", "not seen", "", ""),
        ("Ben", "absent", "A", "Tess Teacher"),
    ]


def test_school_export_has_every_mark_of_the_days(
    class_session: ClassSession, other_course: Course, make_student: MakeStudent, teacher: User, admin: User
) -> None:
    records.set_status(session=class_session, student=make_student("ada"), status="LATE", by=teacher)
    day = class_session.held_on
    other = ClassSession.objects.create(
        course=other_course, starts_at=class_session.starts_at, ends_at=class_session.ends_at, held_on=day
    )
    ben = make_student("ben", course=other_course)
    records.set_status(session=other, student=ben, status="PRESENT", by=admin)
    lines = rows_of("".join(school_csv(first_day=day, last_day=day, by=admin)))
    assert [(line["Course"], line["Name"], line["Code"], line["Final"]) for line in lines] == [
        ("Physics", "Ada", "L", "no"),
        ("Music", "Ben", "P", "no"),
    ]
    before = day - dt.timedelta(days=1)
    assert rows_of("".join(school_csv(first_day=before, last_day=before, by=admin))) == []


@pytest.mark.parametrize("at_once", [1, 2, 3, 4, 7, 100])
def test_school_export_is_the_same_in_batches_of_any_size(
    at_once: int,
    course: Course,
    today: dt.date,
    make_student: MakeStudent,
    admin: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("attendance.services.exports._SESSIONS_AT_ONCE", at_once)
    students = [make_student(name) for name in ("ben", "ada")]
    for days_ago, hour in ((2, 8), (0, 9), (0, 8), (1, 8), (0, 10), (2, 9), (1, 9)):
        day = today - dt.timedelta(days=days_ago)
        starts_at = timezone.make_aware(dt.datetime.combine(day, dt.time(hour)))
        session = ClassSession.objects.create(
            course=course, starts_at=starts_at, ends_at=starts_at + dt.timedelta(hours=1), held_on=day
        )
        AttendanceRecord.objects.bulk_create(
            AttendanceRecord(session=session, student=student, status="PRESENT", source="MANUAL")
            for student in students
        )
    lines = rows_of("".join(school_csv(first_day=today - dt.timedelta(days=2), last_day=today, by=admin)))
    days = [(today - dt.timedelta(days=n)).isoformat() for n in (2, 2, 1, 1, 0, 0, 0)]
    assert [line["Day"] for line in lines] == [day for day in days for _student in students]
    assert [line["Name"] for line in lines] == ["Ada", "Ben"] * 7


@pytest.mark.parametrize("count", [1, 3])
def test_query_count_of_the_school_export_does_not_grow(
    count: int,
    course: Course,
    term: Term,
    today: dt.date,
    make_student: MakeStudent,
    admin: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for n in range(count):
        starts_at = timezone.now() - dt.timedelta(hours=n)
        session = ClassSession.objects.create(
            course=course, starts_at=starts_at, ends_at=starts_at + dt.timedelta(hours=1), held_on=today
        )
        records.set_status(session=session, student=make_student(f"s{n}"), status="LATE", by=admin)
    with django_assert_num_queries(3):  # the audit event, the sessions and their records
        lines = rows_of("".join(school_csv(first_day=today, last_day=today, by=admin)))
    assert len(lines) == count


def test_exports_are_in_the_log(class_session: ClassSession, student: Student, teacher: User) -> None:
    report = report_of(class_session.course)
    report_csv(report, by=teacher)
    report_xlsx(report, by=teacher)
    session_csv(class_session, by=teacher)
    school_csv(first_day=class_session.held_on, last_day=class_session.held_on, by=teacher)
    at_risk_csv(
        first_day=class_session.held_on, last_day=class_session.held_on, below=Decimal(80), in_a_row=3, by=teacher
    )
    events = AuditEvent.objects.filter(action="report.exported").order_by("pk")
    course_id = class_session.course_id
    assert [(e.object_type, e.course_id, e.session_id, (e.new or {})["format"]) for e in events] == [
        ("report", course_id, None, "csv"),
        ("report", course_id, None, "xlsx"),
        ("session", course_id, class_session.pk, "csv"),
        ("school", None, None, "csv"),
        ("at-risk", None, None, "csv"),
    ]
    assert {event.actor_id for event in events} == {teacher.pk}
