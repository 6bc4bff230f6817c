"""Decides on the stored faces of a session's photos, again and again as photos and a teacher's words come in."""

from collections.abc import Mapping, Sequence

from attendance.models import AttendanceRecord, ClassSession, DetectedFace, Status, WorkState
from attendance.services import engine, evidence, keys, records, sealing, together
from attendance.services.deciding import Probe, Rules, Verdict, decide
from attendance.services.gallery.templates import alike_in, look_alikes, roster_gallery
from attendance.services.school import school_settings

Decision = DetectedFace.Decision


def solve_photo(
    session: ClassSession,
    faces: Sequence[DetectedFace],
    embeddings: Mapping[int, engine.Embedding],
    gallery: engine.Gallery,
) -> None:
    """Decide on the open faces of one photo, store it, and mark who was recognised.

    Runs in the caller's transaction, which holds the session's row lock.

    Args:
        session: the photo's session.
        faces: all of the photo's rows; those a teacher has spoken about stay.
        embeddings: by face id; a face without one stays as it is.
        gallery: the day's roster, of the embeddings' model.
    """
    still_open = [face for face in faces if face.decision == Decision.NONE and face.pk in embeddings]
    if not still_open:
        return
    probes = [Probe(embeddings[face.pk], frozenset(face.rejected)) for face in still_open]
    rules = _rules(session, faces, gallery, threshold_cosine=still_open[0].threshold_cosine)
    verdicts = decide(probes, gallery, rules=rules, photo=list(embeddings.values()))
    _store(still_open, verdicts)
    records.mark_recognised(session=session, marks=evidence.of_faces(still_open))


def solve_again(session: ClassSession) -> None:
    """Decide once more on all open faces of a session, on the stored embeddings.

    Runs in the caller's transaction, which holds the session's row lock.
    """
    model_id = school_settings().face_model_id
    faces = DetectedFace.objects.filter(
        snapshot__session=session, snapshot__state=WorkState.DONE, model_id=model_id, sealed_embedding__isnull=False
    )
    by_photo: dict[int, list[DetectedFace]] = {}
    for face in faces.select_related("snapshot").order_by("snapshot__uploaded_at", "snapshot_id", "pk"):
        by_photo.setdefault(face.snapshot_id, []).append(face)
    if not by_photo or session.wrapped_key is None:
        return
    gallery = roster_gallery(course_pk=session.course_id, day=session.held_on, model_id=model_id)
    joined = together.joined_marks(session)
    key, place = keys.session_key(session), keys.probe_place(session.pk, model_id)
    for of_photo in by_photo.values():
        embeddings = {
            face.pk: sealing.open_embedding(bytes(face.sealed_embedding or b""), key=key, context=place)
            for face in of_photo
        }
        solve_photo(session, of_photo, embeddings, gallery)
    together.join_photos(session, gallery)
    together.withdraw_lost(session, joined)


def drop_probe_vectors(session: ClassSession) -> None:
    """Forget the embeddings of a session's faces, and the key that sealed them. Runs in the caller's transaction."""
    DetectedFace.objects.filter(snapshot__session=session).update(sealed_embedding=None)
    session.wrapped_key = None
    session.save(update_fields=["wrapped_key"])


def _rules(
    session: ClassSession, faces: Sequence[DetectedFace], gallery: engine.Gallery, *, threshold_cosine: float
) -> Rules:
    present = AttendanceRecord.objects.filter(session=session, status__in=[Status.PRESENT, Status.LATE])
    named = {face.decided_student_id for face in faces if face.decision == Decision.STUDENT}
    return Rules(
        threshold_cosine=threshold_cosine,
        margin_cosine=engine.margin_cosine(threshold_cosine),
        taken=frozenset(pk for pk in named if pk is not None),
        seen=frozenset(present.values_list("student_id", flat=True)),
        ask_always=frozenset(
            look_alikes(set(gallery.student_pks)) | alike_in(gallery, threshold_cosine=threshold_cosine)
        ),
        suggestions_only=session.course.suggestions_only,
    )


def _store(faces: Sequence[DetectedFace], verdicts: Sequence[Verdict]) -> None:
    """Store what became of the faces; most stay as they were, since one word changes little in a session."""
    changed = [face for face, verdict in zip(faces, verdicts, strict=True) if _changes(face, verdict)]
    # First cleared: two faces that swap their students would break "a student once a photo" halfway.
    DetectedFace.objects.filter(pk__in=[face.pk for face in changed]).update(
        outcome=DetectedFace.Outcome.UNKNOWN, student=None
    )
    DetectedFace.objects.bulk_update(changed, ["outcome", "student", "similarity", "candidates"])


def _changes(face: DetectedFace, verdict: Verdict) -> bool:
    """Put a verdict into a face, and say whether it is another one than the face had."""
    before = (face.outcome, face.student_id, face.similarity, face.candidates)
    face.outcome = verdict.outcome
    face.student_id = verdict.student_pk
    face.similarity = verdict.similarity
    face.candidates = [list(one) for one in verdict.candidates]
    return before != (face.outcome, face.student_id, face.similarity, face.candidates)
