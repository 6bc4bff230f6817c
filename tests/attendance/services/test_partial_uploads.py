"""Photos in parts: however they are split and broken, each becomes one photo, whole, once."""

import datetime as dt
import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from attendance import sweeper
from attendance.models import AuditEvent, ClassSession, PartialUpload, Snapshot, UploadKey, UploadPart, User
from attendance.services import files, partial_uploads, sessions, snapshots
from attendance.services.errors import (
    BadPhoto,
    ChecksumMismatch,
    DiskFull,
    InvalidValue,
    NotFound,
    OffsetMismatch,
    PhotoTooLarge,
    QueueTooLong,
    ServiceError,
    SessionClosed,
    TooMuchUnfinished,
    UnsupportedPhoto,
    UploadGone,
    UploadLimit,
)
from tests.fakes import class_photo

PHOTO = class_photo("ada", "ben")
Begin = Callable[..., PartialUpload]


def parts_in(place: Path) -> list[Path]:
    return sorted((place / "parts").glob("*"))


def send(upload: PartialUpload, start: int, end: int, by: User, data: bytes = PHOTO) -> PartialUpload:
    return partial_uploads.add_part(upload=upload, start=start, data=data[start:end], by=by)


@pytest.fixture
def begin(class_session: ClassSession, teacher: User) -> Begin:
    """Begin to send ``PHOTO`` as Tess."""

    def make(data: bytes = PHOTO, *, sha256: str = "") -> PartialUpload:
        return partial_uploads.begin(session=class_session, by=teacher, length=len(data), sha256=sha256)

    return make


# What a network does to a photo: parts of these sizes, each cut short, doubled, or come by an old request.
_EVENTS = st.lists(
    st.tuples(st.integers(1, len(PHOTO)), st.sampled_from(["whole", "cut", "twice", "stale"])), max_size=12
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=_EVENTS, cut=st.floats(0, 1))
def test_any_split_and_any_break_gives_the_photo_once(
    begin: Begin, teacher: User, private_files: Path, events: list[tuple[int, str]], cut: float
) -> None:
    Snapshot.objects.all().delete()
    upload = begin(sha256=hashlib.sha256(PHOTO).hexdigest())
    for size, what in [*events, (len(PHOTO), "whole")]:
        stands = PartialUpload.objects.get(pk=upload.pk)
        start, end = stands.offset, min(stands.offset + size, len(PHOTO))
        if what == "stale":
            start, end = max(0, start - size), start
        elif what == "cut":
            end = start + int((end - start) * cut)
        for _time in range(2 if what == "twice" else 1):
            try:
                send(PartialUpload.objects.get(pk=upload.pk), start, end, teacher)
            except OffsetMismatch:
                assert PartialUpload.objects.get(pk=upload.pk).offset != start
    photo = Snapshot.objects.get()
    assert photo.sha256 == hashlib.sha256(PHOTO).hexdigest()
    finished = PartialUpload.objects.get(pk=upload.pk)
    assert (finished.offset, finished.snapshot, finished.is_new_photo) == (len(PHOTO), photo, True)
    assert parts_in(private_files) == []


def test_parts_lie_in_the_private_storage_alone_readable(begin: Begin, teacher: User, private_files: Path) -> None:
    send(begin(), 0, 100, teacher)
    (part,) = parts_in(private_files)
    assert part.read_bytes() == PHOTO[:100]
    assert part.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("length", [0, -1])
def test_file_without_bytes_is_refused(class_session: ClassSession, teacher: User, length: int) -> None:
    with pytest.raises(BadPhoto):
        partial_uploads.begin(session=class_session, by=teacher, length=length)


def test_sha256_must_be_one(begin: Begin) -> None:
    for wrong in ("0" * 63, "G" * 64, "0" * 64 + "\n"):
        with pytest.raises(InvalidValue):
            begin(sha256=wrong)


def test_limits_of_photos_hold_at_the_beginning(
    begin: Begin, snapshot: Snapshot, settings: Settings, class_session: ClassSession, teacher: User
) -> None:
    refusals: list[type[ServiceError]] = []
    for name, value in (("MIN_FREE_DISK_MB", 10**9), ("MAX_QUEUED_PHOTOS", 1), ("UPLOADS_PER_HOUR", 1)):
        before = getattr(settings, name)
        setattr(settings, name, value)
        with pytest.raises(ServiceError) as refused:
            begin()
        refusals.append(refused.type)
        setattr(settings, name, before)
    assert refusals == [DiskFull, QueueTooLong, UploadLimit]
    with pytest.raises(PhotoTooLarge):
        partial_uploads.begin(session=class_session, by=teacher, length=settings.MAX_PHOTO_MB * 1_000_000 + 1)
    assert not PartialUpload.objects.exists()


def test_refusal_for_now_costs_the_last_part_only(
    begin: Begin, teacher: User, settings: Settings, private_files: Path
) -> None:
    upload = begin()
    send(upload, 0, 200, teacher)
    settings.MAX_QUEUED_PHOTOS, most = 0, settings.MAX_QUEUED_PHOTOS
    with pytest.raises(QueueTooLong):
        send(upload, 200, len(PHOTO), teacher)
    settings.MAX_QUEUED_PHOTOS = most
    assert PartialUpload.objects.get().offset == 200
    assert len(parts_in(private_files)) == 1
    assert send(PartialUpload.objects.get(), 200, len(PHOTO), teacher).snapshot == Snapshot.objects.get()


def test_session_made_final_meanwhile_keeps_the_parts_for_reopening(
    begin: Begin, teacher: User, class_session: ClassSession
) -> None:
    upload = begin()
    send(upload, 0, 200, teacher)
    stale = PartialUpload.objects.select_related("session").get()  # as a request read it before the end
    assert not stale.session.is_final
    sessions.finalise_session(session=class_session, by=teacher)
    for start, end in ((200, 300), (200, len(PHOTO))):
        with pytest.raises(SessionClosed):
            send(stale, start, end, teacher)
    sessions.reopen_session(session=class_session, by=teacher)
    send(PartialUpload.objects.get(), 200, len(PHOTO), teacher)
    assert Snapshot.objects.count() == 1


def test_session_deleted_meanwhile_is_not_found(begin: Begin, teacher: User, class_session: ClassSession) -> None:
    stale = begin()
    assert stale.session is class_session
    ClassSession.objects.all().delete()
    for end in (100, len(PHOTO)):
        with pytest.raises(NotFound):
            send(stale, 0, end, teacher)


def test_crash_before_the_end_is_written_gives_the_same_photo(
    begin: Begin, teacher: User, class_session: ClassSession, private_files: Path
) -> None:
    upload = begin()
    send(upload, 0, 200, teacher)
    key = f"upload-{upload.public_id}"
    snapshots.add_snapshot(session=class_session, data=PHOTO, by=teacher, key=key)  # and the process is killed
    finished = send(PartialUpload.objects.get(), 200, len(PHOTO), teacher)
    assert finished.snapshot == Snapshot.objects.get()
    assert UploadKey.objects.count() == 1
    assert AuditEvent.objects.filter(action="photo.added").count() == 1
    assert parts_in(private_files) == []


def test_two_requests_with_the_last_part_give_one_photo(begin: Begin, teacher: User) -> None:
    upload = begin()
    send(upload, 0, 200, teacher)
    first, second = PartialUpload.objects.get(), PartialUpload.objects.get()
    assert send(first, 200, len(PHOTO), teacher).snapshot == Snapshot.objects.get()
    with pytest.raises(OffsetMismatch):
        send(second, 200, len(PHOTO), teacher)  # the parts are gone: the photo is told by the upload's row
    assert Snapshot.objects.count() == 1


def test_of_two_requests_with_the_same_part_one_is_told(begin: Begin, teacher: User, private_files: Path) -> None:
    first = begin()
    second = PartialUpload.objects.get()
    send(first, 0, 100, teacher)
    with pytest.raises(OffsetMismatch):
        send(second, 0, 150, teacher)
    assert PartialUpload.objects.get().offset == 100
    assert [path.stat().st_size for path in parts_in(private_files)] == [100]


def test_other_bytes_than_announced_are_refused_and_forgotten(begin: Begin, teacher: User, private_files: Path) -> None:
    upload = begin(sha256=hashlib.sha256(PHOTO).hexdigest())
    damaged = PHOTO[:50] + b"?" + PHOTO[51:]
    send(upload, 0, 100, teacher, damaged)
    with pytest.raises(ChecksumMismatch):
        send(upload, 100, len(PHOTO), teacher, damaged)
    assert (PartialUpload.objects.count(), Snapshot.objects.count(), parts_in(private_files)) == (0, 0, [])


@pytest.mark.parametrize(("data", "refusal"), [(b"x" * 500, BadPhoto), (b"%PDF-1.7" + b"x" * 500, UnsupportedPhoto)])
def test_no_photo_is_refused_at_its_end_and_forgotten(
    begin: Begin, teacher: User, private_files: Path, data: bytes, refusal: type[ServiceError]
) -> None:
    upload = begin(data)
    send(upload, 0, 100, teacher, data)
    with pytest.raises(ServiceError) as refused:
        send(upload, 100, 500 + 8, teacher, data)
    assert refused.type in (BadPhoto, UnsupportedPhoto)
    assert (PartialUpload.objects.count(), parts_in(private_files)) == (0, [])


def test_lost_part_means_to_begin_again(begin: Begin, teacher: User, private_files: Path) -> None:
    upload = begin()
    send(upload, 0, 100, teacher)
    parts_in(private_files)[0].unlink()
    with pytest.raises(UploadGone):
        send(upload, 100, len(PHOTO), teacher)
    assert not PartialUpload.objects.exists()


def test_shortened_part_is_never_joined(begin: Begin, teacher: User, private_files: Path) -> None:
    upload = begin()
    send(upload, 0, 100, teacher)
    parts_in(private_files)[0].write_bytes(PHOTO[:99])
    with pytest.raises(UploadGone):
        send(upload, 100, len(PHOTO), teacher)
    assert not Snapshot.objects.exists()


def test_disk_that_runs_full_in_a_part_loses_nothing(
    begin: Begin, teacher: User, private_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin()
    send(upload, 0, 100, teacher)

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(FileSystemStorage, "_save", full)
        with pytest.raises(DiskFull):
            send(upload, 100, 200, teacher)
    assert PartialUpload.objects.get().offset == 100
    assert len(parts_in(private_files)) == 1
    assert send(PartialUpload.objects.get(), 100, len(PHOTO), teacher).snapshot is not None


def test_single_bytes_come_to_an_end(
    begin: Begin, teacher: User, private_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_uploads, "MOST_PARTS", 5)
    upload = begin()
    for start in range(5):
        send(upload, start, start + 1, teacher)
    with pytest.raises(UploadGone):
        send(upload, 5, 6, teacher)
    assert (PartialUpload.objects.count(), parts_in(private_files)) == (0, [])


def test_limit_of_unfinished_bytes_is_one_persons_own(
    begin: Begin, class_session: ClassSession, settings: Settings, admin: User
) -> None:
    settings.MAX_UNFINISHED_MB = 2
    begin(), begin()
    with pytest.raises(TooMuchUnfinished) as refused:
        begin()
    assert 0 < refused.value.retry_after <= 24 * 3600
    partial_uploads.begin(session=class_session, by=admin, length=1)


def test_sweeper_removes_what_never_came_to_its_end(begin: Begin, teacher: User, private_files: Path) -> None:
    old, young = begin(), begin()
    send(old, 0, 100, teacher)
    send(young, 0, 100, teacher)
    PartialUpload.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    sweeper.sweep()
    assert PartialUpload.objects.get() == young
    assert len(parts_in(private_files)) == 1


@pytest.mark.parametrize("whose", ["session", "user"])
def test_parts_go_with_their_session_and_their_person(
    begin: Begin, teacher: User, class_session: ClassSession, private_files: Path, whose: str
) -> None:
    send(begin(), 0, 100, teacher)
    (class_session if whose == "session" else teacher).delete()
    assert not UploadPart.objects.exists()
    User.objects.get_or_create(username="somebody")
    sweeper.sweep()
    assert len(parts_in(private_files)) == 1  # it might belong to a row that is being written
    an_hour_ago = (timezone.now() - files.ORPHAN_AGE - dt.timedelta(minutes=1)).timestamp()
    for part in parts_in(private_files):
        os.utime(part, (an_hour_ago, an_hour_ago))
    sweeper.sweep()
    assert parts_in(private_files) == []


def test_files_beside_an_empty_database_stay(begin: Begin, private_files: Path, db: None) -> None:
    place = private_files / "parts"
    place.mkdir(parents=True)
    (place / "a.part").write_bytes(b"x")
    (private_files / "snapshots").mkdir()
    (private_files / "snapshots" / "a.jpg").write_bytes(b"x")
    os.utime(place / "a.part", (0, 0))
    ClassSession.objects.all().delete()
    User.objects.all().delete()
    partial_uploads.forget_expired()
    assert len(parts_in(private_files)) == 1
