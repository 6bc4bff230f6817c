"""Unknown faces of a course: a card a person, and one word for all faces of a card."""

from collections.abc import Collection
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from attendance.models import Course, DetectedFace
from attendance.permissions import visible_faces
from attendance.services import strangers
from attendance.web.answers import UserRequest, is_htmx
from attendance.web.decorators import teacher_page
from attendance.web.forms.strangers import AnsweredForm, GroupForm
from attendance.web.strangerviews import answered, group_views, joined
from attendance.web.views.courses import load_course

GROUPS_A_PAGE: Final = 10


def _context(request: UserRequest, course: Course, *, face_ids: Collection[int]) -> dict[str, Any]:
    page = Paginator(strangers.groups(course), GROUPS_A_PAGE).get_page(request.GET.get("page"))
    roster = list(strangers.roster(course))
    said = visible_faces(request.user).filter(snapshot__session__course=course, pk__in=face_ids)
    return {
        "course": course,
        "page": page,
        "views": group_views(page, {student.pk: student for student in roster}),
        "roster": roster,
        "answered": answered(said.select_related("decided_student"), request.user) if face_ids else None,
    }


def _unsaid(taken: strangers.Answer, decision: str) -> str:
    """Say what the page itself does not show: words that were taken back, and faces that were left."""
    if taken.left:
        return ngettext(
            "%(n)d face was left: somebody else answered, the register is final, or the student can't be in that photo "
            "or is marked by hand in that lesson.",
            "%(n)d faces were left: somebody else answered, the register is final, or the student can't be in those "
            "photos or is marked by hand in those lessons.",
            taken.left,
        ) % {"n": taken.left}
    return _("Taken back: these faces are unknown again.") if decision == DetectedFace.Decision.NONE else ""


@teacher_page
@require_GET
def page(request: UserRequest, pk: int) -> HttpResponse:
    """The groups, the largest first."""
    course = load_course(request, pk)
    face_ids = AnsweredForm(request.GET).face_ids()
    return render(request, "strangers/strangers.html", _context(request, course, face_ids=face_ids))


@teacher_page
@require_POST
def answer(request: UserRequest, pk: int) -> HttpResponse:
    """Take one word for all faces of a card, or take it back."""
    course = load_course(request, pk)
    word = GroupForm(request.POST, roster=strangers.roster(course)).word()
    taken = strangers.answer(course=course, by=request.user, **word)
    unsaid = _unsaid(taken, word["decision"])
    if is_htmx(request):
        context = _context(request, course, face_ids=taken.face_ids) | {"unsaid": unsaid}
        return render(request, "strangers/_groups.html", context)
    if unsaid:
        messages.info(request, unsaid)
    asked = {"page": request.GET.get("page", "1"), "said": joined(taken.face_ids)}
    return redirect(f"{reverse('course-strangers', args=[pk])}?{urlencode(asked)}")
