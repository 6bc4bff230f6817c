"""Selfies that a teacher adds, looks at and decides on."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from attendance import tasks
from attendance.models import Selfie, WorkState
from attendance.permissions import visible_selfies, visible_students
from attendance.services import enrolling, gallery
from attendance.web.answers import UserRequest
from attendance.web.decorators import person_page, teacher_page
from attendance.web.downloads import picture
from attendance.web.forms.base import SwitchForm
from attendance.web.forms.photos import SelfieForm
from attendance.web.selfieviews import selfie_context
from attendance.web.views.students import load_student


def _load_selfie(request: UserRequest, pk: int) -> Selfie:
    return get_object_or_404(visible_selfies(request.user).select_related("student", "look_alike"), pk=pk)


@teacher_page
@require_POST
def add(request: UserRequest, pk: int) -> HttpResponse:
    """Take a student's selfie for them."""
    student = load_student(request, pk)
    data = SelfieForm(request.POST, request.FILES).photo_bytes()
    tasks.wake(gallery.add_selfie(student=student, data=data, by=request.user))
    return redirect("student", pk=pk)


@teacher_page
@require_GET
def state(request: UserRequest, pk: int) -> HttpResponse:
    """What became of the selfies; asked for every second while a worker is busy."""
    context = selfie_context(load_student(request, pk)) | {"for_teacher": True}
    return render(request, "selfies/_selfies.html", context)


@teacher_page
@require_GET
def held(request: UserRequest) -> HttpResponse:
    """Selfies that look like somebody else: the teacher sees both, the student does not."""
    selfies = (
        visible_selfies(request.user)
        .filter(state=WorkState.DONE, verdict=Selfie.Verdict.HELD)
        .select_related("student", "look_alike")
        .prefetch_related("look_alike__selfies")
    )
    seen = set(visible_students(request.user).values_list("pk", flat=True)) if selfies else set()
    pairs = [(selfie, _twin_selfie(selfie) if selfie.look_alike_id in seen else None) for selfie in selfies[:50]]
    return render(request, "selfies/held.html", {"pairs": pairs})


def _twin_selfie(selfie: Selfie) -> Selfie | None:
    if selfie.look_alike is None:
        return None
    twins = selfie.look_alike.selfies.all()
    return next((twin for twin in twins if twin.verdict == Selfie.Verdict.ACCEPTED), None)


@person_page
@require_GET
def image(request: UserRequest, pk: int) -> HttpResponse:
    """The selfie, for its student and who teaches them; each look is in the audit log."""
    return picture(gallery.open_selfie_image(selfie=_load_selfie(request, pk), by=request.user))


@teacher_page
@require_POST
def review(request: UserRequest, pk: int) -> HttpResponse:
    """Accept a held selfie, or refuse it."""
    accept = SwitchForm(request.POST).is_on()
    enrolling.review_held_selfie(selfie=_load_selfie(request, pk), accept=accept, by=request.user)
    messages.success(request, _("Accepted.") if accept else _("Refused: the student is asked for another one."))
    return redirect("selfies-held")


@person_page
@require_POST
def remove(request: UserRequest, pk: int) -> HttpResponse:
    """Delete a selfie and the template made from it."""
    selfie = _load_selfie(request, pk)
    gallery.remove_selfie(selfie=selfie, by=request.user)
    return redirect("own") if selfie.student.user_id == request.user.pk else redirect("student", pk=selfie.student_id)


@teacher_page
@require_POST
def retry(request: UserRequest, pk: int) -> HttpResponse:
    """Queue a failed selfie again."""
    selfie = _load_selfie(request, pk)
    gallery.retry_selfie(selfie=selfie, by=request.user)
    tasks.wake(selfie)
    return redirect("student", pk=selfie.student_id)
