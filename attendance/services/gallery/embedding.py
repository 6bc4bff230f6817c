"""What a worker does with a selfie: embed it, compare it with the classmates', and let it stand or hold it."""

import logging
from typing import Any

from django.db import transaction

from attendance.models import EnrolmentLink, Selfie, Student, WorkState
from attendance.services import engine, face_model, files, queue
from attendance.services.audit import record_event
from attendance.services.gallery.consent import standing_consent
from attendance.services.gallery.selfies import unseal
from attendance.services.gallery.templates import accept_selfie, classmates_gallery, store_template

_log = logging.getLogger(__name__)


def process_selfie(pk: int) -> None:
    """Embed this queued selfie now. Safe to run twice: the second run finds nothing to claim.

    Raises:
        EngineNotReady: this machine cannot embed now; the selfie stays queued and no attempt counts.
    """
    face_model.active_pipeline()
    claim = queue.claim(Selfie, pk)
    if claim is not None:
        embed_claimed(claim)


def embed_claimed(claim: queue.Claim) -> None:
    """Embed a selfie that this worker has taken.

    Raises:
        EngineNotReady: this machine cannot embed now; the selfie is queued again and no attempt counts.
    """
    with queue.attempt(claim):
        pipeline = face_model.active_pipeline()
        selfie = Selfie.objects.get(pk=claim.pk)
        face = engine.embed_selfie(pipeline, unseal(selfie))
        _write(claim, selfie, face, pipeline)
    _reopen_link(claim.pk)


def _write(claim: queue.Claim, selfie: Selfie, face: engine.Face, pipeline: engine.Pipeline) -> None:
    """Write the result in one transaction, if the selfie is still there and ours and its student still agrees."""
    names: list[str] = []
    with transaction.atomic():
        face_model.hold(pipeline)
        # The student before the selfie, as withdrawal does: the other way round the two could block each other.
        student = Student.objects.select_for_update().get(pk=selfie.student_id)
        if not queue.complete(claim, quality=_quality(face)):
            return
        selfie.refresh_from_db()
        if student.by_hand_only or student.erased_at is not None or standing_consent(student) is None:
            names = [selfie.image.name or ""]
            selfie.delete()
        else:
            names = _let_stand_or_hold(selfie, face, pipeline)
    for name in names:
        files.remove(name)


def _let_stand_or_hold(selfie: Selfie, face: engine.Face, pipeline: engine.Pipeline) -> list[str]:
    store_template(selfie, face.embedding, model_id=pipeline.model_id)
    look_alike = _looks_like(selfie, face, pipeline)
    if look_alike is None:
        _note(selfie, "selfie.accepted")
        return accept_selfie(selfie)
    selfie.verdict = Selfie.Verdict.HELD
    selfie.look_alike_id = look_alike
    selfie.save(update_fields=["verdict", "look_alike"])
    _note(selfie, "selfie.held")
    _log.info("selfie %d is held: it looks like another student", selfie.pk)
    return []


def _looks_like(selfie: Selfie, face: engine.Face, pipeline: engine.Pipeline) -> int | None:
    """Give the classmate whom the machine might take for this student.

    Not from the threshold itself on: among the selfies of four classes of strangers the most alike pairs pass it (0.41
    with SFace), and each such pair would have to be asked about for ever. Pictures of one person, and twins, lie far
    above.
    """
    gallery = classmates_gallery(student_pk=selfie.student_id, model_id=pipeline.model_id)
    threshold = face_model.threshold_cosine(pipeline)
    threshold += engine.margin_cosine(threshold)
    solution = engine.solve([face.embedding], gallery, threshold_cosine=threshold, not_these=[()])[0]
    return solution.student_pk


def _quality(face: engine.Face) -> dict[str, Any]:
    box = face.detection.box
    return {"face_px": round(min(box.width, box.height)), "score": round(float(face.detection.score), 3)}


def _reopen_link(pk: int) -> None:
    """Let the one-time link be used for the retake when the selfie given through it cannot be used."""
    failed = Selfie.objects.filter(pk=pk, state=WorkState.FAILED)
    EnrolmentLink.objects.filter(selfie__in=failed).update(used_at=None)


def _note(selfie: Selfie, action: str) -> None:
    record_event(actor=None, action=action, object_type="selfie", object_id=selfie.pk, student_id=selfie.student_id)
