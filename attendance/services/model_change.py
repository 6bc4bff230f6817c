"""Re-embedding of all selfies for another recogniser, slice by slice, while the old one goes on working."""

import logging
import time

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from attendance.models import (
    UNFINISHED,
    FaceModelChange,
    FaceTemplate,
    SchoolSettings,
    Selfie,
    Student,
    User,
)
from attendance.services import engine, queue
from attendance.services.audit import record_event
from attendance.services.errors import InvalidValue, ServiceError, UnknownFaceModel
from attendance.services.gallery.selfies import unseal
from attendance.services.gallery.templates import store_template
from attendance.services.school import school_settings

_log = logging.getLogger(__name__)


def set_face_model(*, name: str, by: User | None) -> FaceModelChange:
    """Start re-embedding all selfies for another recogniser; the old one works until the last is done.

    Args:
        name: of the recogniser.
        by: the admin; None is the command line.

    Raises:
        InvalidValue: an empty name.
    """
    if not name.strip():
        raise InvalidValue(_("Name a face model."))
    with transaction.atomic():
        SchoolSettings.objects.get_or_create(pk=1)
        SchoolSettings.objects.select_for_update().get(pk=1)
        running = FaceModelChange.objects.filter(state__in=UNFINISHED)
        same = running.filter(face_model=name).first()
        if same is not None:
            return same
        queue.cancel(running)
        change = FaceModelChange.objects.create(face_model=name, started_by=by)
        record_event(
            actor=by,
            action="face_model.change",
            object_type="facemodelchange",
            object_id=change.pk,
            old=school_settings().face_model,
            new=name,
        )
    return change


def rebuild_gallery(*, by: User | None) -> FaceModelChange:
    """Start making again the templates that accepted selfies lack."""
    return set_face_model(name=school_settings().face_model, by=by)


def change_model(pk: int) -> bool:
    """Re-embed as many selfies as fit into half a lease, and switch when none is left.

    Returns:
        whether there is more to do: the work is queued again then, so that photos of a class come in between.
    """
    claim = queue.claim(FaceModelChange, pk)
    if claim is None:
        return False
    more = False
    with queue.attempt(claim):
        change = FaceModelChange.objects.get(pk=pk)
        try:
            pipeline = engine.pipeline(change.face_model)
        except UnknownFaceModel as error:
            queue.fail(claim, code=error.code, reason=error.message)
            return False
        until = time.monotonic() + settings.LEASE_SECONDS / 2
        while (selfie := _remaining(change, pipeline).first()) is not None and time.monotonic() < until:
            if not _embed_again(claim, change, selfie, pipeline):
                return False  # somebody else's by now
        more = not _switch(claim, change, pipeline)
        if more:
            _go_on_later(claim)
    return more


def _remaining(change: FaceModelChange, pipeline: engine.Pipeline) -> QuerySet[Selfie]:
    standing = Selfie.objects.filter(verdict__in=[Selfie.Verdict.ACCEPTED, Selfie.Verdict.HELD])
    done = FaceTemplate.objects.filter(model_id=pipeline.model_id, selfie__isnull=False).values("selfie")
    return standing.exclude(pk__in=done).exclude(pk__in=change.skipped).order_by("pk")


def _embed_again(claim: queue.Claim, change: FaceModelChange, selfie: Selfie, pipeline: engine.Pipeline) -> bool:
    """Embed one selfie with the new model and note the progress.

    Returns:
        whether the change is still this claim's.
    """
    try:
        face = engine.embed_selfie(pipeline, unseal(selfie))
    except (ServiceError, FileNotFoundError) as error:
        _log.warning("selfie %d cannot be embedded anew: %s", selfie.pk, type(error).__name__)
        face = None
    with transaction.atomic():
        total = F("done") + _remaining(change, pipeline).count()
        progress = {"total": total, "done": F("done") + 1, "model_id": pipeline.model_id}
        if face is None:
            change.skipped = [*change.skipped, selfie.pk]
        if not queue.note_progress(claim, skipped=change.skipped, **progress):
            return False
        Student.objects.select_for_update().filter(pk=selfie.student_id).first()  # before the selfie, as everywhere
        if face is not None and Selfie.objects.select_for_update().filter(pk=selfie.pk).exists():
            store_template(selfie, face.embedding, model_id=pipeline.model_id)
    return True


def _switch(claim: queue.Claim, change: FaceModelChange, pipeline: engine.Pipeline) -> bool:
    """Make the new model the school's, if every standing selfie has its template; the old templates go.

    Returns:
        whether it was done.
    """
    with transaction.atomic():
        SchoolSettings.objects.get_or_create(pk=1)
        row = SchoolSettings.objects.select_for_update().get(pk=1)
        if _remaining(change, pipeline).exists() or not queue.complete(claim, total=F("done")):
            return False
        old = row.face_model
        row.face_model, row.face_model_id = change.face_model, pipeline.model_id
        row.save(update_fields=["face_model", "face_model_id"])
        removed, _by_kind = FaceTemplate.objects.exclude(model_id=pipeline.model_id).delete()
        record_event(
            actor=change.started_by,
            action="face_model.switched",
            object_type="facemodelchange",
            object_id=change.pk,
            old=old,
            new={"face_model": change.face_model, "templates_removed": removed, "skipped": len(change.skipped)},
        )
    _log.info("switched to face model %s: %d templates removed", change.face_model, removed)
    return True


def _go_on_later(claim: queue.Claim) -> None:
    """Queue the rest; a slice that got on does not count as a failed attempt."""
    queue.put_back(claim, seconds=0, count_attempt=False)
