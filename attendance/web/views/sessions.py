"""A class session: photos on one side, the register on the other."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from attendance import tasks
from attendance.models import ClassSession, Snapshot
from attendance.permissions import visible_courses, visible_sessions
from attendance.services import exports, sessions, snapshots, strangers
from attendance.services.advice import session_advice
from attendance.web.answers import UserRequest, go_back, wants_json
from attendance.web.decorators import teacher_page
from attendance.web.downloads import attachment
from attendance.web.faceviews import photo_views
from attendance.web.forms.photos import UploadForm, read_file
from attendance.web.forms.sessions import FinaliseForm, SessionForm
from attendance.web.registers import register_context


def load_session(request: UserRequest, pk: int) -> ClassSession:
    """Give the session if this person may see it, else 404."""
    return get_object_or_404(visible_sessions(request.user).select_related("course", "course__term"), pk=pk)


def photos_context(session: ClassSession) -> dict[str, Any]:
    """What the list of photos needs."""
    photos = list(session.snapshots.all())
    return {
        "session": session,
        "photos": photos,
        "waiting": [photo for photo in photos if photo.is_unfinished],
        "finished": sum(photo.state in {"DONE", "FAILED"} for photo in photos),
        "has_photos": bool(photos),
    }


def review_context(session: ClassSession) -> dict[str, Any]:
    """What the photos with boxes need."""
    views = photo_views(session)
    open_faces = sum(view.is_open for photo in views for view in photo.faces)
    advice = session_advice(session, [(view.snapshot, [one.face for one in view.faces]) for view in views])
    unknown = strangers.unknown_faces(session.course).filter(snapshot__session=session).count()
    return {
        "session": session,
        "photo_views": views,
        **_without_names([] if views else list(session.snapshots.all())),
        "open_faces": open_faces,
        "unknown": unknown,
        "advice": advice,
    }


def _without_names(photos: list[Snapshot]) -> dict[str, int]:
    """Count what stands in the place of photos with names, until the first one has them."""
    waiting = sum(photo.is_unfinished for photo in photos)
    return {"first_waiting": waiting, "first_failed": len(photos) - waiting}


@teacher_page
@require_POST
def take(request: UserRequest, pk: int) -> HttpResponse:
    """Open today's session of a course, or go to the one that is open."""
    course = get_object_or_404(visible_courses(request.user), pk=pk)
    session = sessions.session_for_today(course=course, by=request.user)
    return redirect("session", pk=session.pk)


@teacher_page
def new(request: UserRequest, pk: int) -> HttpResponse:
    """Open a session at another time than now."""
    course = get_object_or_404(visible_courses(request.user), pk=pk)
    form = SessionForm(request.POST or None)
    session = form.submit(sessions.open_session, course=course, by=request.user)
    if session is not None:
        return redirect("session", pk=session.pk)
    context = {"course": course, "form": form, "title": _("Another session"), "action": _("Open the session")}
    return render(request, "courses/form.html", context, status=form.status)


@teacher_page
@require_GET
def page(request: UserRequest, pk: int) -> HttpResponse:
    """The whole page."""
    session = load_session(request, pk)
    context = photos_context(session) | review_context(session) | register_context(session)
    return render(request, "sessions/session.html", context)


@teacher_page
@require_GET
def photos(request: UserRequest, pk: int) -> HttpResponse:
    """The list of photos, asked for every two seconds while a worker is busy."""
    context = photos_context(load_session(request, pk))
    response = render(request, "sessions/_photos.html", context)
    # The first photo ends "no photo yet", long before it has names.
    is_first = context["has_photos"] and request.GET.get("photos") == "0"
    if is_first or request.GET.get("finished", "") != str(context["finished"]):
        response["HX-Trigger"] = "photos-changed"
    return response


@teacher_page
@require_GET
def review(request: UserRequest, pk: int) -> HttpResponse:
    """The photos with their boxes."""
    return render(request, "sessions/_review.html", review_context(load_session(request, pk)))


@teacher_page
@require_GET
def register(request: UserRequest, pk: int) -> HttpResponse:
    """The register alone."""
    return render(request, "sessions/_register_again.html", register_context(load_session(request, pk)))


@teacher_page
@require_POST
def upload(request: UserRequest, pk: int) -> HttpResponse:
    """Take one or more photos; each is queued for a worker."""
    session = load_session(request, pk)
    files = UploadForm(request.POST, request.FILES).checked_photos()
    # A key names one photo; several in one form are told apart by their bytes alone.
    key = request.headers.get("Idempotency-Key") if len(files) == 1 else None
    created = []
    for file in files:
        added = snapshots.add_snapshot(session=session, data=read_file(file), by=request.user, key=key)
        tasks.wake(added.snapshot)
        created.append(added.created)
    if wants_json(request):
        return JsonResponse({"created": created}, status=201 if any(created) else 200)
    return redirect(reverse("session", args=[session.pk]))


@teacher_page
@require_POST
def finalise(request: UserRequest, pk: int) -> HttpResponse:
    """Close the register; who was not seen becomes absent only if the teacher says so."""
    session = load_session(request, pk)
    form = FinaliseForm(request.POST)
    form.is_valid()
    sessions.finalise_session(session=session, by=request.user, mark_absent=form.cleaned_data["mark_absent"])
    return go_back(request, default=reverse("session", args=[pk]))


@teacher_page
@require_POST
def reopen(request: UserRequest, pk: int) -> HttpResponse:
    """Open the register again."""
    sessions.reopen_session(session=load_session(request, pk), by=request.user)
    return go_back(request, default=reverse("session", args=[pk]))


@teacher_page
@require_GET
def download(request: UserRequest, pk: int) -> HttpResponse:
    """The register as CSV."""
    session = load_session(request, pk)
    return attachment(
        exports.session_csv(session, by=request.user), name=f"register-{session.held_on:%Y-%m-%d}-{pk}.csv"
    )
