"""Class photos: only through here, only for who may see the course, and nobody keeps a copy."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from attendance import tasks
from attendance.models import Snapshot
from attendance.permissions import visible_snapshots
from attendance.services import face_sheets, snapshots
from attendance.web.answers import UserRequest, is_htmx
from attendance.web.decorators import teacher_page
from attendance.web.downloads import picture
from attendance.web.forms.photos import SizeForm
from attendance.web.views.sessions import photos_context


def _load_photo(request: UserRequest, public_id: uuid.UUID) -> Snapshot:
    return get_object_or_404(visible_snapshots(request.user).select_related("session__course"), public_id=public_id)


def _photos_answer(request: UserRequest, snapshot: Snapshot) -> HttpResponse:
    if not is_htmx(request):
        return redirect("session", pk=snapshot.session_id)
    response = render(request, "sessions/_photos.html", photos_context(snapshot.session))
    response["HX-Trigger"] = "photos-changed"
    return response


@teacher_page
@require_GET
def image(request: UserRequest, public_id: uuid.UUID) -> HttpResponse:
    """The photo, made smaller where the page asks; each look is in the audit log."""
    long_side = SizeForm(request.GET).long_side()
    snapshot = _load_photo(request, public_id)
    return picture(snapshots.photo_bytes(snapshot=snapshot, by=request.user, long_side=long_side))


@teacher_page
@require_GET
def faces(request: UserRequest, public_id: uuid.UUID) -> HttpResponse:
    """All its faces on one sheet, for the list beside the photo."""
    return picture(face_sheets.face_sheet(snapshot=_load_photo(request, public_id), by=request.user))


@teacher_page
@require_POST
def delete(request: UserRequest, public_id: uuid.UUID) -> HttpResponse:
    """Delete the photo; marks by hand stay."""
    snapshot = _load_photo(request, public_id)
    snapshots.delete_snapshot(snapshot=snapshot, by=request.user)
    return _photos_answer(request, snapshot)


@teacher_page
@require_POST
def retry(request: UserRequest, public_id: uuid.UUID) -> HttpResponse:
    """Queue a failed photo again."""
    snapshot = _load_photo(request, public_id)
    snapshots.retry_snapshot(snapshot=snapshot, by=request.user)
    tasks.wake(snapshot)
    return _photos_answer(request, snapshot)
