"""Another recogniser for the school, slice by slice, while the old one goes on working.

All selfies are embedded anew; recent class photos are looked at by both (``shadow``); then the school switches, at once
or when an admin says so, and the old model's vectors are deleted. There is always one model that every standing
selfie has a template of.
"""

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from attendance.models import (
    UNFINISHED,
    DetectedFace,
    FaceModelChange,
    FaceTemplate,
    Priority,
    SchoolSettings,
    Selfie,
    Student,
    User,
)
from attendance.services import engine, face_model, queue, renewal, shadow
from attendance.services.audit import record_event
from attendance.services.errors import EngineNotReady, InvalidValue, ServiceError, UnknownFaceModel, WrongState
from attendance.services.gallery.selfies import unseal
from attendance.services.gallery.templates import store_template
from attendance.services.school import school_settings

_log = logging.getLogger(__name__)
RECHECK_SECONDS: Final = 60
"""How often a change that waits for its switch looks for new selfies and photos."""

_Step = Callable[[queue.Claim], bool]


def set_face_model(*, name: str, by: User | None, when_done: bool = True) -> FaceModelChange:
    """Start a change to another recogniser; the old one works until the switch.

    Args:
        name: of the recogniser.
        by: the admin; None is the command line.
        when_done: switch as soon as everything is embedded and compared; else wait for ``switch``.

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
        replaced = list(running.values_list("pk", flat=True))
        queue.cancel(running)
        shadow.forget(replaced)
        change = FaceModelChange.objects.create(
            face_model=name, started_by=by, when_done=when_done, priority=Priority.BULK
        )
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


def latest_change() -> FaceModelChange | None:
    """Give the change that runs, or else the last one."""
    return FaceModelChange.objects.select_related("started_by", "switched_by").order_by("-pk").first()


def switch(*, change: FaceModelChange, by: User | None) -> FaceModelChange:
    """Let a change that is ready switch; the worker does it, after what has come in meanwhile.

    Args:
        change: which.
        by: the admin; None is the command line.

    Raises:
        WrongState: it is not ready, or at an end.
    """
    with transaction.atomic():
        ready = FaceModelChange.objects.filter(pk=change.pk, state__in=UNFINISHED, ready_at__isnull=False)
        if not ready.update(when_done=True, switched_by=by, not_before=Now(), woken_at=None):
            raise WrongState(_("This change of the face model is not waiting to be switched."))
        record_event(
            actor=by,
            action="face_model.switch_asked",
            object_type="facemodelchange",
            object_id=change.pk,
            new=change.face_model,
        )
    change.refresh_from_db()
    return change


def change_model(pk: int) -> bool:
    """Embed and compare as much as fits into half a lease; switch when nothing is left and it may.

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
            pipeline = engine.pipeline(change.face_model, patience_seconds=face_model.patience_seconds())
        except UnknownFaceModel as error:
            queue.fail(claim, code=error.code, reason=error.message)
            return False
        more = _slice(claim, change, pipeline)
    return more  # noqa: RET504 - ``attempt`` ends what breaks inside it


def _slice(claim: queue.Claim, change: FaceModelChange, pipeline: engine.Pipeline) -> bool:
    until = time.monotonic() + settings.LEASE_SECONDS / 2
    for step in _steps(change, pipeline):
        if not step(claim):
            return False  # somebody else's by now
        if time.monotonic() >= until or queue.somebody_waits():
            return _go_on_later(claim)
    if not queue.note_progress(claim, ready_at=Coalesce("ready_at", Now())):
        return False
    change.refresh_from_db()
    if not change.when_done:
        queue.put_back(claim, seconds=RECHECK_SECONDS, count_attempt=False)
        return False
    return not _switch(claim, change, pipeline) and _go_on_later(claim)


def _steps(change: FaceModelChange, pipeline: engine.Pipeline) -> Iterator[_Step]:
    """Give one selfie or photo after another, each asked for when the one before is written."""
    while (selfie := _remaining(change, pipeline).first()) is not None:
        yield partial(_embed_again, change=change, selfie=selfie, pipeline=pipeline)
    if pipeline.model_id == school_settings().face_model_id:
        return  # the templates are made again, by the recipe that stands
    while (photo := shadow.next_photo(change)) is not None:
        yield partial(shadow.look_at, change=change, snapshot=photo, pipeline=pipeline)


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
    except EngineNotReady:
        raise  # the store of selfies is away: this one is not skipped for that
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
    """Make the new model the school's, if every standing selfie has its template; the old model's vectors go.

    Returns:
        whether it was done.
    """
    with transaction.atomic():
        SchoolSettings.objects.get_or_create(pk=1)
        row = SchoolSettings.objects.select_for_update().get(pk=1)
        if _remaining(change, pipeline).exists() or not queue.complete(claim, total=F("done"), switched_at=Now()):
            return False
        old, old_id = row.face_model, row.face_model_id
        row.face_model, row.face_model_id = change.face_model, pipeline.model_id
        row.save(update_fields=["face_model", "face_model_id"])
        _delete_old_vectors(change, old_id, pipeline.model_id)
        change.photos.all().delete()  # the differences stay to be read, beside the receipt
        record_event(
            actor=change.switched_by or change.started_by,
            action="face_model.switched",
            object_type="facemodelchange",
            object_id=change.pk,
            old=old,
            new={
                "face_model": change.face_model,
                "templates_removed": change.removed_templates,
                "skipped": len(change.skipped),
            },
        )
    _log.info("switched to face model %s: %d templates removed", change.face_model, change.removed_templates)
    renewal.queue_stale_photos()
    return True


def _delete_old_vectors(change: FaceModelChange, old_id: str, new_id: str) -> None:
    """Delete what only the former model can compare, and write the receipt. Runs in the switch's transaction."""
    change.removed_templates = FaceTemplate.objects.exclude(model_id=new_id).delete()[0]
    probes = DetectedFace.objects.filter(sealed_embedding__isnull=False).exclude(model_id=new_id)
    change.removed_probes = probes.update(sealed_embedding=None)
    change.removed_model_id = "" if old_id == new_id else old_id
    change.switched_by = change.switched_by or change.started_by
    change.save(update_fields=["removed_templates", "removed_probes", "removed_model_id", "switched_by"])
    if change.removed_templates or change.removed_probes:
        record_event(
            actor=change.switched_by,
            action="face_model.vectors_deleted",
            object_type="facemodelchange",
            object_id=change.pk,
            old={"model_id": old_id},
            new={"templates": change.removed_templates, "probes": change.removed_probes},
        )


def _go_on_later(claim: queue.Claim) -> bool:
    """Queue the rest; a slice that got on does not count as a failed attempt."""
    queue.put_back(claim, seconds=0, count_attempt=False)
    return True
