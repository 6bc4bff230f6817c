"""What a worker does with a class photo: claim, find and embed, then write all of it in one transaction."""

import logging
import time
from collections.abc import Sequence

from django.db import transaction

from attendance.models import AttendanceRecord, ClassSession, DetectedFace, FaceTemplate, Snapshot
from attendance.services import costs, engine, face_model, files, keys, queue, sealing, solving, together
from attendance.services.errors import EngineNotReady, not_found
from attendance.services.gallery.templates import roster_gallery
from attendance.services.marks import lock_session

_log = logging.getLogger(__name__)
SAME_FACE_IOU = 0.5
"""How much two boxes of a photo must overlap to be the same face in two runs."""


def recognise(pk: int) -> None:
    """Recognise the students in this queued photo now. Safe to run twice: the second run finds nothing to claim.

    Raises:
        EngineNotReady: this machine cannot recognise now; the photo stays queued and no attempt counts.
    """
    face_model.active_pipeline()
    claim = queue.claim(Snapshot, pk)
    if claim is not None:
        recognise_claimed(claim)


def recognise_claimed(claim: queue.Claim) -> None:
    """Recognise the students in a photo that this worker has taken.

    Raises:
        EngineNotReady: this machine cannot recognise now; the photo is queued again and no attempt counts.
    """
    with queue.attempt(claim):
        pipeline = face_model.active_pipeline()
        snapshot = Snapshot.objects.select_related("session").filter(pk=claim.pk).first()
        if snapshot is None:
            return  # deleted since
        started = time.monotonic()
        with engine.watched() as seconds:
            found = engine.find_and_measure(pipeline, _read(snapshot))
            milliseconds = round((time.monotonic() - started) * 1000)
            with engine.stage("write"):
                written = _write(claim, snapshot, found, pipeline, milliseconds)
        if written:
            Snapshot.objects.filter(pk=claim.pk, fencing_token=claim.token).update(cost=costs.cost_of(seconds))
        _log.info("snapshot %d: %d faces in %d ms, written: %s", claim.pk, len(found), milliseconds, written)


def _read(snapshot: Snapshot) -> bytes:
    try:
        return files.read(snapshot.image.name)
    except FileNotFoundError as error:
        raise not_found("file of this photo") from error


def _write(
    claim: queue.Claim,
    snapshot: Snapshot,
    found: Sequence[engine.Found],
    pipeline: engine.Pipeline,
    milliseconds: int,
) -> bool:
    with transaction.atomic():
        session = lock_session(snapshot.session)
        results = {
            "model_id": pipeline.model_id,
            "detector_id": pipeline.detector_id,
            "face_count": len(found),
            "processing_ms": milliseconds,
        }
        if not queue.complete(claim, **results):
            return False
        faces = _replace_faces(session, snapshot, found, pipeline)
        with engine.stage("match"):
            gallery = roster_gallery(course_pk=session.course_id, day=session.held_on, model_id=pipeline.model_id)
            embeddings = {row.pk: one.face.embedding for row, one in zip(faces, found, strict=True)}
            solving.solve_photo(session, faces, embeddings, gallery)
            together.join_photos(session, gallery)
        # Asked after the gallery was read: a switch of models that came before would have emptied it.
        if not face_model.is_current(pipeline):
            raise EngineNotReady("The school has changed to another face model meanwhile.")
    return True


def _replace_faces(
    session: ClassSession, snapshot: Snapshot, found: Sequence[engine.Found], pipeline: engine.Pipeline
) -> list[DetectedFace]:
    """Put the photo's faces in the place of those of an earlier run; what a teacher said about one stays with it."""
    key = None if session.is_final else keys.session_key(session)
    place = keys.probe_place(session.pk, pipeline.model_id)
    threshold = engine.photo_threshold(face_model.threshold_cosine(pipeline), faces=len(found))
    before = list(snapshot.faces.all())
    rows = []
    for one in found:
        box, embedding = one.face.detection.box, one.face.embedding
        rows.append(
            DetectedFace(
                snapshot=snapshot,
                x=box.x,
                y=box.y,
                width=box.width,
                height=box.height,
                landmarks=one.face.detection.landmarks.round(2).tolist(),
                score=float(one.face.detection.score),
                sealed_embedding=None if key is None else sealing.seal_embedding(embedding, key=key, context=place),
                quality=one.measures,
                model_id=pipeline.model_id,
                threshold_cosine=threshold,
            )
        )
    pairs = same_faces(before, rows)
    for old, new in pairs:
        new.decision, new.decided_student_id = old.decision, old.decided_student_id
        new.decided_by_id, new.rejected, new.outsider = old.decided_by_id, old.rejected, old.outsider
    DetectedFace.objects.bulk_create(rows)
    for old, new in pairs:
        AttendanceRecord.objects.filter(session=session, face=old).update(face=new)
        FaceTemplate.objects.filter(face=old).update(face=new)
    DetectedFace.objects.filter(pk__in=[old.pk for old in before]).delete()
    return rows


def same_faces(before: Sequence[DetectedFace], now: Sequence[DetectedFace]) -> list[tuple[DetectedFace, DetectedFace]]:
    """Pair faces of two runs that overlap, best overlap first, each once."""
    overlaps = sorted(
        ((_box(old).iou(_box(new)), i, j) for i, old in enumerate(before) for j, new in enumerate(now)), reverse=True
    )
    pairs, used_old, used_new = [], set(), set()
    for overlap, i, j in overlaps:
        if overlap >= SAME_FACE_IOU and i not in used_old and j not in used_new:
            pairs.append((before[i], now[j]))
            used_old.add(i)
            used_new.add(j)
    return pairs


def _box(face: DetectedFace) -> engine.Box:
    return engine.Box(face.x, face.y, face.width, face.height)
