"""Work that was set aside is tried again, from the admin's page about the queue."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from attendance import tasks
from attendance.models import Selfie
from attendance.permissions import visible_snapshots
from attendance.services import gallery, snapshots
from attendance.web.answers import UserRequest
from attendance.web.decorators import admin_page


@admin_page
@require_POST
def retry_photo(request: UserRequest, public_id: uuid.UUID) -> HttpResponse:
    """Queue a photo again."""
    snapshot = get_object_or_404(visible_snapshots(request.user).select_related("session"), public_id=public_id)
    tasks.wake(snapshots.retry_snapshot(snapshot=snapshot, by=request.user))
    return redirect("school-queue")


@admin_page
@require_POST
def retry_selfie(request: UserRequest, pk: int) -> HttpResponse:
    """Queue a selfie again."""
    selfie = get_object_or_404(Selfie, pk=pk)
    tasks.wake(gallery.retry_selfie(selfie=selfie, by=request.user))
    return redirect("school-queue")
