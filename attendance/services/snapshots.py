"""Class photos: taken in, shown, deleted, tried again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from attendance.models import ClassSession, DetectedFace, Snapshot, UploadKey, User
from attendance.services import engine, erasures, evidence, files, queue, solving, together
from attendance.services.audit import record_event
from attendance.services.engine import Photo
from attendance.services.erasures import Forgotten
from attendance.services.errors import InvalidValue, KeyReused, WrongState, not_found
from attendance.services.marks import lock_open_session
from attendance.services.metrics.counters import counted_upload
from attendance.services.uploads import read_upload

LONGEST_KEY: Final = 128


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an upload.

    Attributes:
        snapshot: the photo.
        created: False when the session had this photo already.
    """

    snapshot: Snapshot
    created: bool


@counted_upload
def add_snapshot(
    *,
    session: ClassSession,
    data: bytes,
    by: User,
    key: str | None = None,
    together_with: Callable[[Snapshot], None] = lambda _snapshot: None,
) -> Added:
    """Take a class photo in and queue it for a worker.

    Args:
        session: the meeting that it shows.
        data: the picture.
        by: who uploads it.
        key: an ``Idempotency-Key``; a second upload with it gives the first one's photo.
        together_with: what is written in the transaction that makes the photo's row, if one is made; what it raises
            undoes both.

    Raises:
        SessionClosed: the session's records are final.
        InvalidValue: the key is longer than 128 characters.
        KeyReused: the key came with another picture before.
        BadPhoto, UnsupportedPhoto, PhotoTooLarge, DiskFull, QueueTooLong, UploadLimit: the picture cannot be taken.
    """
    if key is not None and len(key) > LONGEST_KEY:
        raise InvalidValue(_("An idempotency key may have %(n)d characters at most.") % {"n": LONGEST_KEY})
    with transaction.atomic():
        lock_open_session(session)
    known = _known(session, engine.sha256_of(data), by=by, key=key)
    if known is not None:
        return Added(snapshot=known, created=False)
    photo = read_upload(data=data, by=by)
    try:
        return Added(snapshot=_store(session, photo, by=by, key=key, together_with=together_with), created=True)
    except IntegrityError:  # the same photo or key came in by another request meanwhile
        known = _known(session, photo.sha256, by=by, key=key)
        if known is None:
            raise
        return Added(snapshot=known, created=False)


def delete_snapshot(*, snapshot: Snapshot, by: User) -> None:
    """Delete a photo with its faces, and the machine's marks that nothing but this photo showed.

    Raises:
        SessionClosed: the session's records are final.
    """
    with transaction.atomic():
        session = lock_open_session(snapshot.session)
        locked = Snapshot.objects.select_for_update().filter(pk=snapshot.pk).first()
        if locked is None:
            return
        for face in locked.faces.all():
            evidence.withdraw(session, face, by=by)
        name = locked.image.name
        _note(locked, "photo.deleted", by=by)
        erasures.note(Forgotten.PHOTO, files=[name or ""])
        joined = together.joined_marks(session)
        locked.delete()
        if joined:
            solving.solve_again(session)  # a look that they rested on may be gone
    files.remove(name)


def retry_snapshot(*, snapshot: Snapshot, by: User) -> Snapshot:
    """Let a worker try a failed photo again.

    Raises:
        WrongState: it has not failed.
        SessionClosed: the session's records are final.
    """
    with transaction.atomic():
        lock_open_session(snapshot.session)
        if not queue.requeue(snapshot):
            raise WrongState(_("Only a failed photo can be tried again."))
        _note(snapshot, "photo.retried", by=by)
    snapshot.refresh_from_db()
    return snapshot


def photo_bytes(*, snapshot: Snapshot, by: User, long_side: int | None = None) -> bytes:
    """Open a photo for somebody who may see it; the look is written down.

    Args:
        snapshot: which photo.
        by: who looks.
        long_side: shrink it to this many pixels on its longer side; None gives it whole.

    Raises:
        NotFound: the file was deleted since, as retention does.
    """
    jpeg = _open(snapshot)
    _note(snapshot, "photo.viewed", by=by)
    return jpeg if long_side is None else engine.shrink(jpeg, long_side=long_side)


def face_crop(*, face: DetectedFace, by: User) -> bytes:
    """Cut one face out of its photo for somebody who may see it; the look is written down.

    Raises:
        NotFound: the photo's file was deleted since.
    """
    jpeg = _open(face.snapshot)
    _note(face.snapshot, "photo.viewed", by=by)
    return engine.crop(jpeg, box=engine.Box(face.x, face.y, face.width, face.height))


def _known(session: ClassSession, sha256: str, *, by: User, key: str | None) -> Snapshot | None:
    """Give the photo that this upload repeats."""
    if key is not None:
        seen = UploadKey.objects.select_related("snapshot").filter(user=by, key=key).first()
        if seen is not None and (seen.body_sha256, seen.snapshot.session_id) != (sha256, session.pk):
            raise KeyReused(_("This idempotency key was used for another upload."))
        if seen is not None:
            return seen.snapshot
    same = Snapshot.objects.filter(session=session, sha256=sha256).first()
    if same is not None and key is not None:
        UploadKey.objects.get_or_create(user=by, key=key, defaults={"snapshot": same, "body_sha256": sha256})
    return same


def _store(
    session: ClassSession, photo: Photo, *, by: User, key: str | None, together_with: Callable[[Snapshot], None]
) -> Snapshot:
    with files.stored(files.SNAPSHOTS, photo.jpeg, suffix=".jpg") as name, transaction.atomic():
        locked = lock_open_session(session)  # it may have been finalised while the photo was read
        snapshot = Snapshot.objects.create(
            session=locked,
            lane=locked.course_id,
            image=name,
            sha256=photo.sha256,
            width=photo.width,
            height=photo.height,
            taken_at=photo.taken_at,
            uploaded_by=by,
        )
        if key is not None:
            UploadKey.objects.create(user=by, key=key, snapshot=snapshot, body_sha256=photo.sha256)
        _note(snapshot, "photo.added", by=by)
        together_with(snapshot)
    return snapshot


def _open(snapshot: Snapshot) -> bytes:
    try:
        return files.read(snapshot.image.name)
    except FileNotFoundError as error:
        raise not_found(_("photo")) from error


def _note(snapshot: Snapshot, action: str, *, by: User) -> None:
    record_event(
        actor=by,
        action=action,
        object_type="snapshot",
        object_id=snapshot.pk,
        course_id=snapshot.session.course_id,
        session_id=snapshot.session_id,
    )
