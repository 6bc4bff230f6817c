"""Photos in parts, really at once: two last parts, two parts at one offset, a part and a cancel."""

import time
from functools import partial
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest
from django.db import connection

from attendance.models import ClassSession, PartialUpload, Snapshot, UploadKey, UploadPart, User
from attendance.services import partial_uploads
from attendance.services.errors import OffsetMismatch, UploadFinished, UploadGone
from tests.attendance.services.racing import at_once, refusals
from tests.fakes import class_photo

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite", reason="a test's SQLite database is one connection: see test_postgresql.py"
    ),
]
HALF = 200
PATIENCE_SECONDS = 20
LATER_SECONDS = (0.0, 0.004, 0.008, 0.012, 0.016, 0.024, 0.032, 0.048)


def half_way(session: ClassSession, by: User, photo: bytes) -> list[PartialUpload]:
    """An upload of which the last part is missing, as two requests have read it."""
    upload = partial_uploads.begin(session=session, by=by, length=len(photo))
    partial_uploads.add_part(upload=upload, start=0, data=photo[:HALF], by=by)
    return [PartialUpload.objects.select_related("session").get(pk=upload.pk) for _request in range(2)]


def files_in(place: Path) -> list[str]:
    return sorted(path.parent.name for path in place.rglob("*") if path.is_file())


def test_cancel_and_last_part_never_both_succeed(
    class_session: ClassSession, teacher: User, private_files: Path
) -> None:
    for number, seconds in enumerate(LATER_SECONDS):
        photo = class_photo("ada", "ben", seed=number)
        one, other = half_way(class_session, teacher, photo)

        def finish(upload: PartialUpload = one, photo: bytes = photo) -> object:
            return partial_uploads.add_part(upload=upload, start=HALF, data=photo[HALF:], by=teacher)

        def cancel(upload: PartialUpload = other, seconds: float = seconds) -> None:
            time.sleep(seconds)
            partial_uploads.cancel(upload=upload)

        answers = at_once(finish, cancel)
        assert refusals(answers) in ([UploadGone], [UploadFinished])
        is_in = Snapshot.objects.exists()
        assert is_in == (refusals(answers) == [UploadFinished])
        assert PartialUpload.objects.exists() == is_in
        assert files_in(private_files) == (["snapshots"] if is_in else [])
        assert not UploadPart.objects.exists()
        for snapshot in Snapshot.objects.all():
            snapshot.image.delete(save=False)
        PartialUpload.objects.all().delete()
        Snapshot.objects.all().delete()


def test_cancel_waits_for_a_photo_that_is_being_written_and_is_told_of_it(
    class_session: ClassSession, teacher: User, private_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = class_photo("ada")
    one, other = half_way(class_session, teacher, photo)
    note, noted, go_on = partial_uploads._note_finished, Event(), Event()

    def slowly(*photo: Any, **about: Any) -> list[str]:
        names = note(*photo, **about)
        noted.set()
        assert go_on.wait(PATIENCE_SECONDS)
        return names

    def cancel() -> None:
        assert noted.wait(PATIENCE_SECONDS)
        Timer(0.3, go_on.set).start()
        partial_uploads.cancel(upload=other)

    monkeypatch.setattr(partial_uploads, "_note_finished", slowly)
    answers = at_once(lambda: partial_uploads.add_part(upload=one, start=HALF, data=photo[HALF:], by=teacher), cancel)
    assert refusals(answers) == [UploadFinished]
    assert other.snapshot == Snapshot.objects.get()
    assert files_in(private_files) == ["snapshots"]


def test_last_part_waits_for_a_cancel_and_leaves_no_photo(
    class_session: ClassSession, teacher: User, private_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = class_photo("ada")
    one, other = half_way(class_session, teacher, photo)
    forget, note, held, go_on = partial_uploads._forget_rows, partial_uploads._note_finished, Event(), Event()

    def slowly(uploads: list[int]) -> list[str]:
        held.set()
        assert go_on.wait(PATIENCE_SECONDS)
        return forget(uploads)

    def once_it_is_held(*photo: Any, **about: Any) -> list[str]:
        assert held.wait(PATIENCE_SECONDS)
        Timer(0.3, go_on.set).start()
        return note(*photo, **about)

    monkeypatch.setattr(partial_uploads, "_forget_rows", slowly)
    monkeypatch.setattr(partial_uploads, "_note_finished", once_it_is_held)
    answers = at_once(
        lambda: partial_uploads.add_part(upload=one, start=HALF, data=photo[HALF:], by=teacher),
        lambda: partial_uploads.cancel(upload=other),
    )
    assert refusals(answers) == [UploadGone]
    assert (Snapshot.objects.count(), UploadKey.objects.count(), PartialUpload.objects.count()) == (0, 0, 0)
    assert files_in(private_files) == []


def test_of_two_parts_at_one_offset_one_counts_and_the_other_is_told(
    class_session: ClassSession, teacher: User, private_files: Path
) -> None:
    for number in range(len(LATER_SECONDS)):
        photo = class_photo("ada", "ben", seed=number)
        one, other = half_way(class_session, teacher, photo)
        answers = at_once(
            *(
                partial(partial_uploads.add_part, upload=upload, start=HALF, data=photo[HALF:end], by=teacher)
                for upload, end in ((one, HALF + 50), (other, HALF + 90))
            )
        )
        assert refusals(answers) == [OffsetMismatch]
        stands = PartialUpload.objects.get()
        assert stands.offset in (HALF + 50, HALF + 90)
        assert sum(part.size for part in UploadPart.objects.all()) == stands.offset
        assert files_in(private_files) == ["parts", "parts"]
        whole = partial_uploads.add_part(upload=stands, start=stands.offset, data=photo[stands.offset :], by=teacher)
        assert whole.snapshot is not None
        assert files_in(private_files) == ["snapshots"]
        whole.snapshot.image.delete(save=False)
        PartialUpload.objects.all().delete()


def test_of_two_last_parts_there_is_one_photo(class_session: ClassSession, teacher: User, private_files: Path) -> None:
    for number in range(len(LATER_SECONDS)):
        photo = class_photo("ada", "ben", seed=number)
        uploads = half_way(class_session, teacher, photo)
        answers = at_once(
            *(
                partial(partial_uploads.add_part, upload=upload, start=HALF, data=photo[HALF:], by=teacher)
                for upload in uploads
            )
        )
        assert refusals(answers) in ([], [OffsetMismatch])
        snapshot = Snapshot.objects.get()
        for answer in answers:
            if isinstance(answer, PartialUpload):
                assert (answer.snapshot, answer.is_new_photo) == (snapshot, True)
        assert PartialUpload.objects.get().snapshot == snapshot
        assert files_in(private_files) == ["snapshots"]
        snapshot.image.delete(save=False)
        PartialUpload.objects.all().delete()
        snapshot.delete()
