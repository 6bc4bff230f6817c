"""One-tap marks, "rest present", undo and the history of a mark."""

import re
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from attendance.models import ClassSession, Student
from attendance.permissions import visible_students
from attendance.services import records
from attendance.services.errors import RecordChanged
from attendance.services.register import history as marks_history
from attendance.web.answers import UserRequest, is_htmx
from attendance.web.decorators import teacher_page
from attendance.web.forms.sessions import MarkForm
from attendance.web.registers import CLEAR, Conflict, conflict_of, register_context
from attendance.web.views.sessions import load_session

_ID: Final = re.compile(r"[0-9]{1,18}")


def _load_student(request: UserRequest, pk: int) -> Student:
    return get_object_or_404(visible_students(request.user), pk=pk)


def _number(text: str) -> int:
    """Read an id from a form; what is none is nobody, and 5,000 digits are no error of ours."""
    if not _ID.fullmatch(text):
        raise Http404
    return int(text)


def _row_answer(
    request: UserRequest, session: ClassSession, student: Student, conflict: Conflict | None
) -> HttpResponse:
    """Give the one row, and the counts beside it."""
    context = register_context(session)
    row = next((row for row in context["rows"] if row.student.pk == student.pk), None)
    status = 409 if conflict else 200
    context |= {"row": row, "conflict": conflict, "oob": True}
    return render(request, "sessions/_marked.html", context, status=status)


@teacher_page
@require_POST
def mark(request: UserRequest, pk: int, student_pk: int) -> HttpResponse:
    """Set or clear one mark; who saw an older one is told both values."""
    session, student = load_session(request, pk), _load_student(request, student_pk)
    form = MarkForm(request.POST)
    chosen, version = form.mark()
    conflict = None
    try:
        if chosen == CLEAR:
            records.clear_status(session=session, student=student, by=request.user, version=version)
        else:
            records.set_status(session=session, student=student, status=chosen, by=request.user, version=version)
    except RecordChanged as error:
        conflict = conflict_of(student.pk, chosen, error.current)
    if is_htmx(request):
        return _row_answer(request, session, student, conflict)
    if conflict is not None:
        messages.warning(
            request,
            _("You chose %(mine)s, but meanwhile it became %(theirs)s (%(who)s).")
            % {"mine": conflict.mine, "theirs": conflict.theirs, "who": conflict.who},
        )
    return redirect(f"{reverse('session', args=[pk])}#mark-{student.pk}")


def _register_answer(request: UserRequest, session: ClassSession, sentence: str) -> HttpResponse:
    if is_htmx(request):
        context = register_context(session) | {"kind": "success", "sentence": sentence}
        return render(request, "sessions/_register_and_notice.html", context)
    messages.success(request, sentence)
    return redirect("session", pk=session.pk)


@teacher_page
@require_POST
def rest_present(request: UserRequest, pk: int) -> HttpResponse:
    """Mark everybody present who has no mark yet."""
    session = load_session(request, pk)
    marked = records.rest_present(session=session, by=request.user)
    sentence = ngettext("%(n)d student marked present.", "%(n)d students marked present.", marked) % {"n": marked}
    return _register_answer(request, session, sentence)


@teacher_page
@require_POST
def undo(request: UserRequest, pk: int) -> HttpResponse:
    """Take back the last change by hand, of one student if one is named."""
    session = load_session(request, pk)
    named = request.POST.get("student", "")
    student = _load_student(request, _number(named)) if named else None
    undone = records.undo(session=session, by=request.user, student=student)
    if undone is None:
        sentence = _("Nothing to undo.")
    else:
        count = len(undone.student_ids)
        sentence = ngettext("%(n)d mark taken back.", "%(n)d marks taken back.", count) % {"n": count}
    return _register_answer(request, session, sentence)


@teacher_page
@require_GET
def history(request: UserRequest, pk: int, student_pk: int) -> HttpResponse:
    """Who or what set this mark, and when."""
    session, student = load_session(request, pk), _load_student(request, student_pk)
    context = {
        "session": session,
        "student": student,
        "lines": marks_history(session=session, student=student),
        "can_undo": records.can_undo(session=session, student=student),
    }
    return render(request, "sessions/history.html", context)
