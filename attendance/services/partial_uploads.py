"""Photos that arrive in parts: each part is kept as it comes, and the last one makes the photo.

Each part is a file of its own in the private storage, so that any web process, on any machine that shares that storage
(a volume, or an S3-compatible one), can take the next. The rows say which parts count: a part whose row lost the race
for an offset is removed again, and a file without a row is collected by the sweeper.

The last part is not kept by itself: it counts together with the photo, in one transaction, or not at all. So a refusal
for now (disk full, queue too long, session final) costs the client one part when it comes again, never the whole photo;
and whoever cancels meanwhile either finds the photo there, or none will come.
"""

import datetime as dt
import hashlib
import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.models import ClassSession, PartialUpload, Snapshot, UploadPart, User
from attendance.services import files, snapshots
from attendance.services.errors import (
    BadPhoto,
    ChecksumMismatch,
    InvalidValue,
    KeyReused,
    OffsetMismatch,
    PhotoTooLarge,
    ServiceError,
    SessionClosed,
    TooMuchUnfinished,
    UnsupportedPhoto,
    UploadFinished,
    UploadGone,
    not_found,
)
from attendance.services.marks import lock_open_session
from attendance.services.uploads import require_room

_log = logging.getLogger(__name__)
KEPT: Final = dt.timedelta(hours=24)
"""How long an upload may take; then what has arrived is removed. The browser keeps the photo no longer either."""
SMALLEST_COUNTED: Final = 1_000_000
"""What a tiny upload counts towards the limit of unfinished bytes, so that it limits their number too."""
MOST_PARTS: Final = 1000
"""Each is a file: a client that sends single bytes has to begin again."""
_BATCH: Final = 500
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ABOUT_THE_PICTURE: Final = (BadPhoto, UnsupportedPhoto, PhotoTooLarge, InvalidValue, KeyReused, ChecksumMismatch)
"""Refusals that the same bytes would meet again: nothing of them is kept."""


def begin(*, session: ClassSession, by: User, length: int, sha256: str = "", metadata: str = "") -> PartialUpload:
    """Make room for a photo that will come in parts.

    Args:
        session: the meeting that it shows.
        by: who sends it; nobody else can go on with it.
        length: how many bytes the whole file has.
        sha256: the whole file's, in lower-case hex; empty where the client cannot tell.
        metadata: what the client says about it, given back to the client and used for nothing.

    Raises:
        BadPhoto: it has no bytes.
        InvalidValue: no SHA-256.
        PhotoTooLarge, DiskFull, QueueTooLong, UploadLimit: as for a photo that comes at once.
        TooMuchUnfinished: this person has begun too much already.
        SessionClosed: the session's records are final.
    """
    if length < 1:
        raise BadPhoto(_("The file is empty."))
    if sha256 and not _SHA256.fullmatch(sha256):
        raise InvalidValue(_("The SHA-256 must be 64 hexadecimal digits."))
    require_room(length, by=by)
    with _session_there(), transaction.atomic():
        lock_open_session(session)
        _require_little_unfinished(by, length)
        return PartialUpload.objects.create(
            session=session,
            user=by,
            length=length,
            sha256=sha256,
            metadata=metadata,
            expires_at=timezone.now() + KEPT,
        )


def require_alive(upload: PartialUpload) -> None:
    """Refuse to go on with an upload that took too long, swept or not.

    Raises:
        UploadGone: its time is over.
    """
    if upload.expires_at <= timezone.now():
        raise _gone()


def require_going_on(upload: PartialUpload, *, start: int) -> None:
    """Refuse a part before its bytes are read.

    Raises:
        UploadGone: its time is over.
        OffsetMismatch: the part does not begin where the last one ended.
        SessionClosed: the session's records are final, and the photo is not there yet.
    """
    require_alive(upload)
    if start != upload.offset:
        raise _elsewhere()
    if upload.finished_at is None and upload.session.is_final:
        raise SessionClosed(_("This session is final. Reopen it to add photos."))


def add_part(*, upload: PartialUpload, start: int, data: bytes, by: User) -> PartialUpload:
    """Take the bytes from ``start`` on; with the last of them the photo is checked, stored and queued.

    Args:
        upload: as it was read a moment ago; another request may have moved it since.
        start: where the bytes belong.
        data: some or all of what is missing.
        by: whose upload it is.

    Returns:
        the upload as it stands now; ``snapshot`` is set once the photo is there.

    Raises:
        UploadGone: its time is over, it was cancelled meanwhile, or a part of it was lost.
        OffsetMismatch: the bytes do not begin where the last ones ended.
        ChecksumMismatch: the whole file is not the one that was announced; nothing of it is kept.
        BadPhoto, UnsupportedPhoto, PhotoTooLarge: no photo that can be taken; nothing of it is kept.
        DiskFull, QueueTooLong, UploadLimit, SessionClosed: not now; the last part may be sent again later.
        NotFound: the session was deleted.
    """
    require_going_on(upload, start=start)
    if not data:
        return upload
    end = start + len(data)
    if end > upload.length:
        raise PhotoTooLarge(_("These are more bytes than were announced."))
    with _session_there():
        if end == upload.length:
            _finish(upload, start=start, data=data, by=by)
        else:
            _keep(upload, start=start, data=data)
    return upload


def cancel(*, upload: PartialUpload) -> None:
    """Forget an upload and what has arrived of it, so that it never becomes a photo.

    Raises:
        UploadFinished: it has become one, which ``upload`` then tells.
    """
    if not _give_up(upload):
        raise UploadFinished(_("This photo had arrived already. Delete the photo itself, if it shall go."))


def forget_expired() -> int:
    """Remove uploads whose time is over, and parts whose upload went with its session or its person.

    Returns:
        how many uploads were removed.
    """
    old = list(PartialUpload.objects.filter(expires_at__lte=timezone.now()).values_list("pk", flat=True))
    _remove(old)
    if old:
        _log.info("removed %d uploads whose time was over", len(old))
    try:
        _collect_orphans()
    except OSError as error:
        _log.warning("parts without an upload are collected another time (%s)", type(error).__name__)
    return len(old)


def _collect_orphans() -> None:
    if files.rows_are_missing():
        return
    names = iter(files.old_names(files.PARTS))
    while batch := list(islice(names, _BATCH)):
        known = set(UploadPart.objects.filter(file__in=batch).values_list("file", flat=True))
        files.remove_all(name for name in batch if name not in known)


def _keep(upload: PartialUpload, *, start: int, data: bytes) -> None:
    files.require_space()
    if upload.parts.count() >= MOST_PARTS:
        _give_up(upload)
        raise _gone()
    with files.stored(files.PARTS, data, suffix=".part") as name, transaction.atomic():
        lock_open_session(upload.session)
        here = PartialUpload.objects.filter(pk=upload.pk, offset=start, finished_at=None)
        if not here.update(offset=start + len(data)):
            raise _moved_on(upload)
        UploadPart.objects.create(upload=upload, start=start, size=len(data), file=name)
    upload.offset = start + len(data)


def _finish(upload: PartialUpload, *, start: int, data: bytes, by: User) -> None:
    """Make the photo of all parts. Of two requests at once, both do, and both get the same photo."""
    names: list[str] = []

    def note(photo: Snapshot) -> None:
        names.extend(_note_finished(upload, photo, is_new=True))

    try:
        whole = _joined(upload, until=start) + data
        if upload.sha256 and hashlib.sha256(whole).hexdigest() != upload.sha256:
            raise ChecksumMismatch(_("The photo was damaged on its way. Please send it again."))
        key = f"upload-{upload.public_id}"
        added = snapshots.add_snapshot(session=upload.session, data=whole, by=by, key=key, together_with=note)
        if not added.created:
            names += _note_finished(upload, added.snapshot, is_new=False)
    except _ABOUT_THE_PICTURE:
        _give_up(upload)
        raise
    except FileNotFoundError as error:
        if not _give_up(upload):
            raise _elsewhere() from error  # another request finished it, and removed the parts
        raise _gone() from error
    files.remove_all(names)
    _read_again(upload)


@transaction.atomic
def _note_finished(upload: PartialUpload, photo: Snapshot, *, is_new: bool) -> list[str]:
    """Let the upload have become this photo, unless it has become one already; give the files of its parts.

    Raises:
        UploadGone: it was cancelled, or its time ran out, while the photo was read.
    """
    stands = PartialUpload.objects.filter(pk=upload.pk)
    finished = {"offset": upload.length, "finished_at": timezone.now(), "snapshot": photo, "is_new_photo": is_new}
    if not stands.filter(finished_at=None).update(**finished) and not stands.exists():
        raise _gone()
    parts = UploadPart.objects.filter(upload=upload.pk)
    names = list(parts.values_list("file", flat=True))
    parts.delete()
    return names


def _read_again(upload: PartialUpload) -> None:
    """Let the object in hand say where the upload stands now.

    Raises:
        UploadGone: nowhere.
    """
    stands = PartialUpload.objects.select_related("snapshot").filter(pk=upload.pk).first()
    if stands is None:
        raise _gone()  # its session went, or its time ended, since
    upload.offset, upload.finished_at = stands.offset, stands.finished_at
    upload.snapshot, upload.is_new_photo = stands.snapshot, stands.is_new_photo


def _joined(upload: PartialUpload, *, until: int) -> bytes:
    """Give the bytes that have arrived before ``until``.

    Raises:
        FileNotFoundError: some of them are not in the storage of this machine.
        OffsetMismatch, UploadGone: another request has finished or cancelled the upload meanwhile.
    """
    whole = bytearray()
    for part in UploadPart.objects.filter(upload=upload.pk, start__lt=until):
        whole += files.read(part.file.name)
        if len(whole) != part.start + part.size:
            raise FileNotFoundError(part.file.name)
    if len(whole) != until:
        raise _moved_on(upload)
    return bytes(whole)


def _give_up(upload: PartialUpload) -> bool:
    """Remove an upload that has not become a photo.

    Returns:
        whether none can come of it now; ``upload`` tells of the photo that it has become instead.
    """
    with transaction.atomic():
        # Held until it is gone: whoever is about to finish it waits, and then finds nothing to finish.
        stands = PartialUpload.objects.select_for_update().filter(pk=upload.pk).first()
        if stands is not None and stands.finished_at is not None:
            _read_again(upload)
            return False
        names = _forget_rows([upload.pk])
    files.remove_all(names)
    return True


def _remove(uploads: list[int]) -> None:
    with transaction.atomic():
        names = _forget_rows(uploads)
    files.remove_all(names)


def _forget_rows(uploads: list[int]) -> list[str]:
    """Remove the rows, give the names of the files that go with them."""
    names = list(UploadPart.objects.filter(upload__in=uploads).values_list("file", flat=True))
    PartialUpload.objects.filter(pk__in=uploads).delete()
    return names


def _require_little_unfinished(by: User, length: int) -> None:
    """Limit what one person may leave lying about; the person's row is held, so that two at once are both counted."""
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    now = timezone.now()
    begun = PartialUpload.objects.filter(user=by, finished_at=None, expires_at__gt=now).order_by("expires_at")
    rows = list(begun.values_list("length", "expires_at"))
    counted = sum(max(size, SMALLEST_COUNTED) for size, _expires in rows) + max(length, SMALLEST_COUNTED)
    if rows and counted > settings.MAX_UNFINISHED_MB * 1_000_000:
        raise TooMuchUnfinished(
            _("Too many of your photos are only half here. Let them finish or cancel them first."),
            retry_after=max(1, math.ceil((rows[0][1] - now).total_seconds())),
        )


@contextmanager
def _session_there() -> Iterator[None]:
    """Answer as for any other address if the session is deleted in between."""
    try:
        yield
    except ClassSession.DoesNotExist as error:
        raise not_found(_("session")) from error


def _moved_on(upload: PartialUpload) -> ServiceError:
    """Say why an upload is not where a part has to go on: by another part, or because it was cancelled."""
    return _elsewhere() if PartialUpload.objects.filter(pk=upload.pk).exists() else _gone()


def _gone() -> UploadGone:
    return UploadGone(_("This upload was cancelled, or took too long and was removed. Please begin again."))


def _elsewhere() -> OffsetMismatch:
    return OffsetMismatch(_("The server has another number of bytes of this photo. Ask it how many."))
