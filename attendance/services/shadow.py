"""What another recogniser would make of recent class photos: looked at beside the one that works, marking nobody.

Photo after photo, as part of a change of model: found and embedded by the coming pipeline, decided on with the
teachers' words kept, and compared with what the present one said about the same photo. Outcomes and similarities are
kept, vectors are not.
"""

import datetime as dt
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from attendance.models import (
    AttendanceRecord,
    DetectedFace,
    FaceModelChange,
    MarkDifference,
    ShadowPhoto,
    Snapshot,
    Student,
    WorkState,
)
from attendance.services import engine, face_model, files, queue, recognition
from attendance.services.deciding import Probe, Rules, Verdict, decide
from attendance.services.errors import EngineNotReady, ServiceError
from attendance.services.gallery.templates import alike_in, look_alikes, roster_gallery, searchable

_log = logging.getLogger(__name__)
RECENT_DAYS: Final = 30
MOST_PHOTOS: Final = 200
"""Newest first: enough marks to judge by, in minutes and not in hours."""

Outcome = DetectedFace.Outcome
Found = dict[int, tuple[str, float | None]]
_RANK: Final = {Outcome.MARKED: 2, Outcome.UNCERTAIN: 1, Outcome.UNKNOWN: 0}


def photos_left(change: FaceModelChange) -> QuerySet[Snapshot]:
    """Give recent photos that are still kept and that the change has not looked at, newest session first."""
    since = timezone.localdate() - dt.timedelta(days=RECENT_DAYS)
    kept = Snapshot.objects.filter(state=WorkState.DONE, session__held_on__gte=since).exclude(image="")
    seen = ShadowPhoto.objects.filter(change=change).values("snapshot")
    return kept.exclude(pk__in=seen).select_related("session__course").order_by("-session__starts_at", "pk")


def next_photo(change: FaceModelChange) -> Snapshot | None:
    """Give the photo to look at next; None when enough were looked at."""
    if change.photos.count() >= MOST_PHOTOS:
        return None
    return photos_left(change).first()


def forget(change_pks: Collection[int]) -> None:
    """Forget what was compared for changes that were cancelled. Runs in the caller's transaction."""
    ShadowPhoto.objects.filter(change__in=change_pks).delete()
    MarkDifference.objects.filter(change__in=change_pks).delete()


def look_at(claim: queue.Claim, change: FaceModelChange, snapshot: Snapshot, pipeline: engine.Pipeline) -> bool:
    """Let the coming recogniser look at one photo, and renew the differences of its session.

    Returns:
        whether the change is still this claim's.
    """
    try:
        found = engine.find_faces(pipeline, files.read(snapshot.image.name))
    except EngineNotReady:
        raise  # the store of photos is away: this photo is looked at when it is back
    except (ServiceError, FileNotFoundError) as error:
        _log.warning("snapshot %d cannot be compared: %s", snapshot.pk, type(error).__name__)
        found = None
    outcomes = {} if found is None else _outcomes(snapshot, found, pipeline)
    with transaction.atomic():
        done = change.photos.count() + 1
        total = min(MOST_PHOTOS, done - 1 + photos_left(change).count())
        if not queue.note_progress(claim, photos_done=done, photos_total=max(done, total)):
            return False
        if Snapshot.objects.select_for_update().filter(pk=snapshot.pk).exists():
            wanted = _searchable(outcomes)
            kept = {str(pk): list(one) for pk, one in outcomes.items() if pk in wanted}
            ShadowPhoto.objects.create(change=change, snapshot=snapshot, outcomes=kept, readable=found is not None)
            _renew_differences(change, session_id=snapshot.session_id)
    return True


def _outcomes(snapshot: Snapshot, found: Iterable[engine.Face], pipeline: engine.Pipeline) -> Found:
    """Decide on a photo's faces as ``solving`` would; a face that a teacher spoke about stays as that word has it."""
    found = list(found)
    before = list(snapshot.faces.all())
    boxes = [face.detection.box for face in found]
    rows = [DetectedFace(x=box.x, y=box.y, width=box.width, height=box.height) for box in boxes]
    known = {id(new): old for old, new in recognition.same_faces(before, rows)}
    words = [known.get(id(row)) for row in rows]
    spoken = [old for old in words if old is not None and old.decision != DetectedFace.Decision.NONE]
    probes = [
        Probe(face.embedding, frozenset() if old is None else frozenset(old.rejected))
        for face, old in zip(found, words, strict=True)
        if old is None or old.decision == DetectedFace.Decision.NONE
    ]
    session = snapshot.session
    gallery = roster_gallery(course_pk=session.course_id, day=session.held_on, model_id=pipeline.model_id)
    named = {old.decided_student_id for old in spoken}
    threshold = engine.photo_threshold(face_model.threshold_cosine(pipeline), faces=len(found))
    alike = look_alikes(set(gallery.student_pks)) | alike_in(gallery, threshold_cosine=threshold)
    rules = Rules(
        threshold_cosine=threshold,
        margin_cosine=engine.margin_cosine(threshold),
        taken=frozenset(pk for pk in named if pk is not None),
        ask_always=frozenset(alike),
        suggestions_only=session.course.suggestions_only,
    )
    photo = [face.embedding for face in found]
    return _by_student(decide(probes, gallery, rules=rules, photo=photo)) | _of_words(spoken)


def _by_student(verdicts: Iterable[Verdict]) -> Found:
    return _best((one.student_pk, one.outcome, one.similarity) for one in verdicts)


def _of_words(spoken: Iterable[DetectedFace]) -> Found:
    return _best((face.decided_student_id, Outcome.MARKED, None) for face in spoken)


def _best(offered: Iterable[tuple[int | None, str, float | None]]) -> Found:
    best: Found = {}
    for pk, outcome, similarity in offered:
        if pk is not None and (pk not in best or _order(outcome, similarity) > _order(*best[pk])):
            best[pk] = (outcome, similarity)
    return best


def _order(outcome: str, similarity: float | None) -> tuple[int, float]:
    return _RANK[Outcome(outcome)], 1.0 if similarity is None else similarity


def _renew_differences(change: FaceModelChange, *, session_id: int) -> None:
    """Write anew whom of a session one recogniser marks and the other does not, on the photos that both have seen."""
    photos = list(ShadowPhoto.objects.filter(change=change, snapshot__session=session_id, readable=True))
    now = _best((int(pk), *one) for photo in photos for pk, one in photo.outcomes.items())
    faces = list(DetectedFace.objects.filter(snapshot__in=[photo.snapshot_id for photo in photos]))
    before = _best(
        (face.student_id, face.outcome, face.similarity)
        if face.decision == DetectedFace.Decision.NONE
        else (face.decided_student_id, Outcome.MARKED, None)
        for face in faces
    )
    differing = _searchable(pk for pk in before.keys() | now.keys() if _is_marked(before, pk) != _is_marked(now, pk))
    records = {one.student_id: one for one in AttendanceRecord.objects.filter(session=session_id)}
    MarkDifference.objects.filter(change=change, session=session_id).delete()
    MarkDifference.objects.bulk_create(
        _difference(change, session_id, pk, before.get(pk), now.get(pk), records) for pk in sorted(differing)
    )


def _searchable(student_pks: Iterable[int]) -> set[int]:
    """Give those who may still be looked for, and hold their rows: who withdraws meanwhile comes before or after."""
    rows = Student.objects.filter(pk__in=list(student_pks)).order_by("pk").select_for_update(no_key=True)
    held = list(rows.values_list("pk", flat=True))
    return set(searchable().filter(student__in=held).values_list("student_id", flat=True))


def _is_marked(found: Found, pk: int) -> bool:
    return pk in found and found[pk][0] == Outcome.MARKED


def _difference(
    change: FaceModelChange,
    session_id: int,
    student_id: int,
    before: tuple[str, float | None] | None,
    now: tuple[str, float | None] | None,
    records: Mapping[int, AttendanceRecord],
) -> MarkDifference:
    nothing = (Outcome.UNKNOWN, None)
    standing = records.get(student_id)
    return MarkDifference(
        change=change,
        session_id=session_id,
        student_id=student_id,
        old_outcome=(before or nothing)[0],
        old_similarity=(before or nothing)[1],
        new_outcome=(now or nothing)[0],
        new_similarity=(now or nothing)[1],
        standing="" if standing is None else standing.status,
        source="" if standing is None else standing.source,
    )
