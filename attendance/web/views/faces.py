"""The teacher's word on a face: who it is, or that it is nobody of this class."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from attendance.models import DetectedFace
from attendance.permissions import visible_faces
from attendance.services import snapshots
from attendance.services.faces_review import decide_face
from attendance.services.rosters import roster_on
from attendance.web.answers import UserRequest, is_htmx
from attendance.web.decorators import teacher_page
from attendance.web.downloads import picture
from attendance.web.faceviews import alike_selfies, candidates, face_view, likeness
from attendance.web.forms.faces import FaceForm
from attendance.web.views.sessions import review_context


def _load_face(request: UserRequest, pk: int) -> DetectedFace:
    faces = visible_faces(request.user).select_related("snapshot__session__course", "student", "decided_student")
    return get_object_or_404(faces, pk=pk)


def _panel_context(face: DetectedFace) -> dict[str, Any]:
    session = face.snapshot.session
    roster = list(roster_on(session.course, session.held_on))
    return {
        "face": face,
        "session": session,
        "view": face_view(face, photo_width_px=face.snapshot.width),
        "threshold": likeness(face.threshold_cosine),
        "candidates": candidates(face, {student.pk: student for student in roster}),
        "roster": roster,
        "twins": alike_selfies(face, {student.pk for student in roster}),
    }


@teacher_page
@require_GET
def panel(request: UserRequest, pk: int) -> HttpResponse:
    """Candidates and choices for one face: a window over the session, or a page of its own."""
    in_window = is_htmx(request)
    template = "faces/_panel.html" if in_window else "faces/face.html"
    return render(request, template, _panel_context(_load_face(request, pk)) | {"in_window": in_window})


@teacher_page
@require_GET
def crop(request: UserRequest, pk: int) -> HttpResponse:
    """The face alone."""
    return picture(snapshots.face_crop(face=_load_face(request, pk), by=request.user))


@teacher_page
@require_POST
def decide(request: UserRequest, pk: int) -> HttpResponse:
    """Take the teacher's word."""
    face = _load_face(request, pk)
    session = face.snapshot.session
    form = FaceForm(request.POST, roster=roster_on(session.course, session.held_on))
    decide_face(face=face, by=request.user, **form.word())
    if not is_htmx(request):
        return redirect(f"{reverse('session', args=[session.pk])}#face-{face.pk}")
    response = render(request, "sessions/_review.html", review_context(session))
    response["HX-Trigger-After-Settle"] = "faces-decided"
    return response
