"""Class photos: taken in, shown, deleted."""

import datetime as dt
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage
from PIL import Image
from pytest_django import Settings

from attendance.models import (
    AttendanceRecord,
    AuditEvent,
    ClassSession,
    Selfie,
    Snapshot,
    Student,
    UploadKey,
    User,
    WorkState,
)
from attendance.services import files, pace, recognition, records, sessions, snapshots
from attendance.services.errors import (
    BadPhoto,
    DiskFull,
    InvalidValue,
    KeyReused,
    NotFound,
    PhotoTooLarge,
    QueueTooLong,
    SessionClosed,
    UnsupportedPhoto,
    UploadLimit,
    WrongState,
)
from tests.fakes import class_photo


def stored_files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


def test_photo_is_queued_under_a_generated_name_without_exif(
    class_session: ClassSession, teacher: User, private_files: Path
) -> None:
    picture = Image.new("RGB", (80, 60), "white")
    exif = picture.getexif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8769)[0x9003] = "2026:03:04 08:05:06"
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    snapshot = snapshots.add_snapshot(session=class_session, data=out.getvalue(), by=teacher).snapshot
    assert (snapshot.state, snapshot.width, snapshot.height) == (WorkState.QUEUED, 60, 80)
    assert snapshot.taken_at is not None
    assert snapshot.taken_at.isoformat() == "2026-03-04T08:05:06+00:00"
    [path] = stored_files(private_files)
    assert path.stem.isalnum()
    assert len(path.stem) == 32
    with Image.open(path) as stored:
        assert (stored.size, dict(stored.getexif())) == ((60, 80), {})


def test_camera_time_in_the_future_is_not_believed(class_session: ClassSession, teacher: User) -> None:
    data = class_photo("ada", taken_at=dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
    assert snapshots.add_snapshot(session=class_session, data=data, by=teacher).snapshot.taken_at is None


def test_tail_behind_the_picture_is_gone(
    class_session: ClassSession, teacher: User, jpeg: bytes, private_files: Path
) -> None:
    snapshots.add_snapshot(session=class_session, data=jpeg + b"<html>PK\x03\x04", by=teacher)
    [path] = stored_files(private_files)
    assert b"<html>" not in path.read_bytes()


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", BadPhoto),
        (b"this is text", BadPhoto),
        (class_photo("ada")[:300], BadPhoto),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedPhoto),
        (b"%PDF-1.7", UnsupportedPhoto),
        (b"GIF89a", UnsupportedPhoto),
    ],
    ids=["empty", "text", "truncated", "svg", "pdf", "gif"],
)
def test_bad_file_leaves_neither_row_nor_file(
    data: bytes, refusal: type[Exception], class_session: ClassSession, teacher: User, private_files: Path
) -> None:
    with pytest.raises(refusal):
        snapshots.add_snapshot(session=class_session, data=data, by=teacher)
    assert not Snapshot.objects.exists()
    assert stored_files(private_files) == []


def test_declared_pixels_count_before_anything_is_decoded(
    class_session: ClassSession, teacher: User, settings: Settings
) -> None:
    settings.MAX_PHOTO_MEGAPIXELS = 1
    out = io.BytesIO()
    Image.new("1", (2000, 1000)).save(out, "PNG")
    with pytest.raises(BadPhoto, match="megapixels"):
        snapshots.add_snapshot(session=class_session, data=out.getvalue(), by=teacher)


def test_file_over_the_limit_is_refused_unread(class_session: ClassSession, teacher: User, settings: Settings) -> None:
    settings.MAX_PHOTO_MB = 1
    with pytest.raises(PhotoTooLarge):
        snapshots.add_snapshot(session=class_session, data=b"x" * 1_000_001, by=teacher)


def test_nearly_full_disk_refuses_and_leaves_nothing(
    class_session: ClassSession, teacher: User, jpeg: bytes, settings: Settings, private_files: Path
) -> None:
    settings.MIN_FREE_DISK_MB = 10**9
    with pytest.raises(DiskFull):
        snapshots.add_snapshot(session=class_session, data=jpeg, by=teacher)
    assert not Snapshot.objects.exists()
    assert stored_files(private_files) == []


def test_disk_that_fills_while_writing_leaves_no_partial_file(
    class_session: ClassSession, teacher: User, jpeg: bytes, private_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = FileSystemStorage._save  # type: ignore[attr-defined]  # Django's own, left out of the stubs

    def half(storage: FileSystemStorage, name: str, content: io.BytesIO) -> str:
        save(storage, name, content)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", half)
    with pytest.raises(DiskFull):
        snapshots.add_snapshot(session=class_session, data=jpeg, by=teacher)
    assert not Snapshot.objects.exists()
    assert stored_files(private_files) == []


def test_upload_flood_is_told_when_to_come_back(class_session: ClassSession, teacher: User, settings: Settings) -> None:
    settings.UPLOADS_PER_HOUR = 2
    for seed in range(2):
        snapshots.add_snapshot(session=class_session, data=class_photo("ada", seed=seed), by=teacher)
    with pytest.raises(UploadLimit) as refusal:
        snapshots.add_snapshot(session=class_session, data=class_photo("ada", seed=2), by=teacher)
    assert 3500 < refusal.value.retry_after <= 3600


def test_long_queue_refuses_new_photos_until_some_are_done(
    class_session: ClassSession, teacher: User, student: Student, private_files: Path, settings: Settings
) -> None:
    settings.MAX_QUEUED_PHOTOS = 2
    Selfie.objects.create(student=student, image="selfies/1", sha256="1" * 64, lane=teacher.pk)
    first = snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher).snapshot
    with pytest.raises(QueueTooLong) as refusal:
        snapshots.add_snapshot(session=class_session, data=class_photo("ben"), by=teacher)
    assert refusal.value.retry_after == pace.SHORTEST_SECONDS
    assert len(stored_files(private_files)) == 1
    assert not snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher).created
    Snapshot.objects.filter(pk=first.pk).update(state=WorkState.DONE)
    assert snapshots.add_snapshot(session=class_session, data=class_photo("ben"), by=teacher).created


def test_same_photo_twice_is_one(class_session: ClassSession, teacher: User, jpeg: bytes, private_files: Path) -> None:
    first = snapshots.add_snapshot(session=class_session, data=jpeg, by=teacher)
    second = snapshots.add_snapshot(session=class_session, data=jpeg, by=teacher)
    assert (first.created, second.created, second.snapshot) == (True, False, first.snapshot)
    assert len(stored_files(private_files)) == 1


def test_key_longer_than_its_column_is_refused(class_session: ClassSession, teacher: User) -> None:
    with pytest.raises(InvalidValue):
        snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher, key="k" * 129)
    assert not Snapshot.objects.exists()


def test_same_key_gives_the_same_photo_and_refuses_another_body(
    class_session: ClassSession, teacher: User, other_teacher: User, jpeg: bytes
) -> None:
    first = snapshots.add_snapshot(session=class_session, data=jpeg, by=teacher, key="k1")
    again = snapshots.add_snapshot(session=class_session, data=jpeg, by=teacher, key="k1")
    assert (again.created, again.snapshot) == (False, first.snapshot)
    with pytest.raises(KeyReused):
        snapshots.add_snapshot(session=class_session, data=class_photo("cem"), by=teacher, key="k1")
    assert snapshots.add_snapshot(session=class_session, data=class_photo("cem"), by=other_teacher, key="k1").created
    assert UploadKey.objects.count() == 2


def test_final_session_takes_no_photo(class_session: ClassSession, teacher: User, jpeg: bytes) -> None:
    sessions.finalise_session(session=class_session, by=teacher)
    with pytest.raises(SessionClosed):
        snapshots.add_snapshot(session=class_session, data=jpeg, by=teacher)


def test_every_look_at_a_photo_is_written_down(snapshot: Snapshot, teacher: User) -> None:
    whole = Image.open(io.BytesIO(snapshots.photo_bytes(snapshot=snapshot, by=teacher, long_side=None)))
    small = Image.open(io.BytesIO(snapshots.photo_bytes(snapshot=snapshot, by=teacher, long_side=100)))
    assert (whole.size, max(small.size)) == ((snapshot.width, snapshot.height), 100)
    looks = AuditEvent.objects.filter(action="photo.viewed", object_id=str(snapshot.pk), actor_id=teacher.pk)
    assert looks.count() == 2


def test_photo_that_retention_removed_is_not_found(snapshot: Snapshot, teacher: User) -> None:
    snapshot.image.name = ""
    with pytest.raises(NotFound):
        snapshots.photo_bytes(snapshot=snapshot, by=teacher)


def test_face_crop_shows_the_face(snapshot: Snapshot, teacher: User) -> None:
    recognition.recognise(snapshot.pk)
    face = snapshot.faces.order_by("x")[0]
    crop = Image.open(io.BytesIO(snapshots.face_crop(face=face, by=teacher)))
    assert crop.size == (160, 160)
    assert max(crop.convert("RGB").getpixel((80, 80))) < 60  # type: ignore[arg-type]  # Ada is black


def test_deleting_a_photo_takes_the_marks_that_only_it_showed(
    recognisable: Callable[..., Student], class_session: ClassSession, teacher: User, private_files: Path
) -> None:
    ada, ben, cem = recognisable("ada"), recognisable("ben"), recognisable("cem")
    both = snapshots.add_snapshot(session=class_session, data=class_photo("ada", "ben", "cem"), by=teacher).snapshot
    recognition.recognise(both.pk)
    second = snapshots.add_snapshot(session=class_session, data=class_photo("ben"), by=teacher).snapshot
    recognition.recognise(second.pk)
    records.set_status(session=class_session, student=cem, status="LATE", by=teacher)
    name = str(both.image.name)
    snapshots.delete_snapshot(snapshot=both, by=teacher)
    assert not (private_files / name).exists()
    assert not AttendanceRecord.objects.filter(student=ada).exists()
    kept = AttendanceRecord.objects.get(student=ben)
    assert kept.face is not None
    assert kept.face.snapshot_id == second.pk
    assert AttendanceRecord.objects.get(student=cem).status == "LATE"


def test_student_whose_photo_was_deleted_is_marked_by_the_next_one(
    recognisable: Callable[..., Student], class_session: ClassSession, teacher: User
) -> None:
    recognisable("ada")
    for seed in range(2):
        added = snapshots.add_snapshot(session=class_session, data=class_photo("ada", seed=seed), by=teacher).snapshot
        recognition.recognise(added.pk)
        assert class_session.records.count() == 1
        if seed == 0:
            snapshots.delete_snapshot(snapshot=added, by=teacher)
            assert class_session.records.count() == 0


def test_photo_deleted_while_queued_is_no_error_for_the_worker(snapshot: Snapshot, teacher: User) -> None:
    pk = snapshot.pk
    snapshots.delete_snapshot(snapshot=snapshot, by=teacher)
    recognition.recognise(pk)
    snapshots.delete_snapshot(snapshot=Snapshot(pk=pk, session=snapshot.session), by=teacher)
    assert not Snapshot.objects.exists()


def test_only_a_failed_photo_can_be_tried_again(snapshot: Snapshot, teacher: User) -> None:
    with pytest.raises(WrongState):
        snapshots.retry_snapshot(snapshot=snapshot, by=teacher)
    Snapshot.objects.update(state=WorkState.FAILED, failure_reason="x")
    assert snapshots.retry_snapshot(snapshot=snapshot, by=teacher).state == WorkState.QUEUED


def test_orphan_is_collected_when_it_is_old(snapshot: Snapshot, private_files: Path) -> None:
    old, young = private_files / "snapshots" / "old.jpg", private_files / "snapshots" / "young.jpg"
    for path in (old, young):
        path.write_bytes(b"x")
    mine = private_files / str(snapshot.image.name)
    for path in (old, mine):
        os.utime(path, (0, 0))
    assert files.collect_orphans() == 1
    assert (old.exists(), young.exists(), mine.exists()) == (False, True, True)
