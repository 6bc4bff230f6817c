"""The private storage, once as a folder and once as a bucket of a store that speaks real HTTP."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from django.conf import settings as product
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from attendance.models import ClassSession, Selfie, Snapshot, Student, User, WorkState
from attendance.services import engine, files, recognition, snapshots
from attendance.services.errors import EngineNotReady, StoreAway
from attendance.storage import private_storage
from tests import stores
from tests.fakes import class_photo

SOON = 0.5  # seconds that a store may be silent in these tests
AN_AGE = 3 * 3600


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with stores.store_running() as endpoint:
        yield endpoint


@dataclass
class Place:
    """Where this test's files lie.

    Attributes:
        folder: the folder, or None.
        bucket: the bucket's name, or None.
        endpoint: of the bucket's store.
    """

    folder: Path | None = None
    bucket: str = ""
    endpoint: str = ""

    def names(self) -> list[str]:
        """All files."""
        if self.folder is not None:
            return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())
        listed = stores.client(self.endpoint).list_objects_v2(Bucket=self.bucket)
        return [entry["Key"] for entry in listed.get("Contents", ())]

    def let_age(self, name: str) -> None:
        """Make a file three hours old."""
        if self.folder is not None:
            then = time.time() - AN_AGE
            os.utime(self.folder / name, (then, then))
        else:
            stores.age(self.bucket, name, hours=3)


def use_store(settings: Settings, endpoint: str, bucket: str, **options: object) -> None:
    settings.STORAGES = stores.storages(product.STORAGES, endpoint=endpoint, bucket=bucket, **options)


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, private_files: Path, settings: Settings) -> Place:
    if request.param == "folder":
        return Place(folder=private_files)
    endpoint: str = request.getfixturevalue("emulator")
    bucket = stores.new_bucket(endpoint)
    use_store(settings, endpoint, bucket)
    return Place(bucket=bucket, endpoint=endpoint)


@pytest.fixture
def bucket(emulator: str, settings: Settings) -> Place:
    name = stores.new_bucket(emulator)
    use_store(settings, emulator, name)
    return Place(bucket=name, endpoint=emulator)


class TestEitherPlace:
    def test_what_was_stored_is_read_back_and_removed(self, place: Place) -> None:
        data = os.urandom(3_000_000)
        with files.stored(files.SNAPSHOTS, data, suffix=".jpg") as name:
            assert files.read(name) == data
        assert place.names() == [name]
        files.remove(name)
        files.remove(name)
        assert place.names() == []

    def test_nothing_stays_of_a_file_whose_row_failed(self, place: Place) -> None:
        with pytest.raises(ZeroDivisionError), files.stored(files.SELFIES, b"sealed", suffix=".sealed"):
            raise ZeroDivisionError
        assert place.names() == []

    @pytest.mark.parametrize("name", [None, "", "snapshots/none.jpg"])
    def test_what_is_not_there_is_not_found(self, place: Place, name: str | None) -> None:
        with pytest.raises(FileNotFoundError):
            files.read(name)

    def test_a_taken_name_is_not_written_over(self, place: Place) -> None:
        first = private_storage().save("snapshots/one.jpg", ContentFile(b"first"))
        second = private_storage().save("snapshots/one.jpg", ContentFile(b"second"))
        assert first != second
        assert (files.read(first), files.read(second)) == (b"first", b"second")

    def test_no_file_has_an_address(self, place: Place) -> None:
        with pytest.raises(ValueError, match="not accessible via a URL"):
            private_storage().url("snapshots/one.jpg")

    def test_a_photo_goes_its_whole_way(self, place: Place, snapshot: Snapshot) -> None:
        recognition.recognise(snapshot.pk)
        snapshot.refresh_from_db()
        assert (snapshot.state, snapshot.face_count) == (WorkState.DONE, 2)
        assert place.names() == [snapshot.image.name]

    def test_old_files_without_a_row_are_collected_and_no_others(
        self, place: Place, snapshot: Snapshot, student: Student
    ) -> None:
        with files.stored(files.SNAPSHOTS, b"young", suffix=".jpg") as young:
            pass
        with files.stored(files.SELFIES, b"old", suffix=".sealed") as old:
            pass
        kept = str(snapshot.image.name)
        for name in (old, kept):
            place.let_age(name)
        assert files.collect_orphans() == 1
        assert sorted(place.names()) == sorted([young, kept])

    def test_a_store_whose_rows_are_all_gone_is_left_alone(self, place: Place, admin: User) -> None:
        for _ in range(files.FEW_ORPHANS + 1):
            with files.stored(files.SNAPSHOTS, b"photo", suffix=".jpg") as name:
                place.let_age(name)
        assert files.collect_orphans() == 0
        assert len(place.names()) == files.FEW_ORPHANS + 1

    def test_files_beside_an_empty_database_are_noticed(self, place: Place, db: None) -> None:
        assert not files.rows_are_missing()
        with files.stored(files.SELFIES, b"sealed", suffix=".sealed"):
            pass
        assert files.rows_are_missing()

    def test_files_of_a_school_with_people_are_not_even_listed(self, place: Place, admin: User) -> None:
        with files.stored(files.SELFIES, b"sealed", suffix=".sealed"):
            pass
        assert not files.rows_are_missing()


class TestBucket:
    def test_more_files_than_one_answer_lists_are_all_seen(
        self, bucket: Place, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "5")  # a thousand, where nobody says otherwise
        store = stores.client(bucket.endpoint)
        for number in range(12):
            store.put_object(Bucket=bucket.bucket, Key=f"snapshots/{number}.jpg", Body=b"x")
            stores.age(bucket.bucket, f"snapshots/{number}.jpg", hours=3)
        stores.age(bucket.bucket, str(snapshot.image.name), hours=3)
        assert len(store.list_objects_v2(Bucket=bucket.bucket)["Contents"]) == 5
        assert files.collect_orphans() == 12
        assert bucket.names() == [snapshot.image.name]

    def test_nobody_without_the_key_can_read_a_file(self, bucket: Place) -> None:
        with files.stored(files.SNAPSHOTS, b"a face", suffix=".jpg") as name:
            answer = requests.get(f"{bucket.endpoint}/{bucket.bucket}/{name}", timeout=10)
        assert answer.status_code == 403
        assert b"a face" not in answer.content

    @pytest.mark.parametrize(("asked", "said"), [("AES256", "AES256"), ("aws:kms", "aws:kms")])
    def test_encryption_is_asked_for(self, emulator: str, settings: Settings, asked: str, said: str) -> None:
        name = stores.new_bucket(emulator)
        use_store(settings, emulator, name, encryption=asked)
        with files.stored(files.SNAPSHOTS, b"photo", suffix=".jpg") as key:
            head = stores.client(emulator).head_object(Bucket=name, Key=key)
        assert head["ServerSideEncryption"] == said

    def test_a_bucket_is_made_once(self, emulator: str, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        use_store(settings, emulator, "made-by-the-command")
        call_command("make_bucket")
        call_command("make_bucket")
        assert (
            capsys.readouterr().out == "bucket made-by-the-command: made\nbucket made-by-the-command: there already\n"
        )


@pytest.fixture(params=["closed", "silent", "no-bucket"])
def away(request: pytest.FixtureRequest, emulator: str) -> Iterator[str]:
    """A store that is switched off, frozen, or set up wrong."""
    if request.param == "closed":
        yield stores.closed_store()
    elif request.param == "silent":
        with stores.silent_store() as endpoint:
            yield endpoint
    else:
        yield emulator


class TestStoreAway:
    def test_an_upload_is_refused_for_now_within_seconds_and_leaves_nothing(
        self, away: str, class_session: ClassSession, teacher: User, client: Client, settings: Settings
    ) -> None:
        use_store(settings, away, "not-there", timeout_seconds=SOON)
        client.force_login(teacher, backend="django.contrib.auth.backends.ModelBackend")
        started = time.monotonic()
        answer = client.post(
            f"/api/v1/sessions/{class_session.pk}/photos/",
            data={"photo": SimpleUploadedFile("class.jpg", class_photo("ada"), content_type="image/jpeg")},
        )
        assert answer.status_code == 503, answer.content
        assert answer.json()["code"] == "store-away"
        assert "does not answer" in answer.json()["detail"]
        assert int(answer["Retry-After"]) == files.STORE_RETRY_SECONDS
        assert time.monotonic() - started < 15
        assert not Snapshot.objects.exists()

    def test_a_worker_leaves_the_photo_queued_and_counts_no_attempt(
        self, away: str, snapshot: Snapshot, settings: Settings
    ) -> None:
        engine.forget_pipelines()
        use_store(settings, away, "not-there", timeout_seconds=SOON)
        with pytest.raises(EngineNotReady, match="store of photos"):
            recognition.recognise(snapshot.pk)
        snapshot.refresh_from_db()
        assert (snapshot.state, snapshot.attempts) == (WorkState.QUEUED, 0)

    def test_looking_at_a_photo_is_refused_for_now(
        self, away: str, snapshot: Snapshot, teacher: User, settings: Settings
    ) -> None:
        use_store(settings, away, "not-there", timeout_seconds=SOON)
        with pytest.raises(StoreAway):
            snapshots.photo_bytes(snapshot=snapshot, by=teacher)

    def test_nothing_is_forgotten_that_the_list_beside_the_photos_cannot_name(
        self, away: str, snapshot: Snapshot, teacher: User, client: Client, settings: Settings
    ) -> None:
        use_store(settings, away, "not-there", timeout_seconds=SOON)
        client.force_login(teacher, backend="django.contrib.auth.backends.ModelBackend")
        answer = client.delete(f"/api/v1/photos/{snapshot.public_id}/")
        assert (answer.status_code, answer.json()["code"]) == (503, "store-away")
        assert Snapshot.objects.filter(pk=snapshot.pk).exists()

    def test_a_file_that_cannot_be_removed_now_becomes_an_orphan(
        self, bucket: Place, admin: User, settings: Settings
    ) -> None:
        with files.stored(files.SNAPSHOTS, b"photo", suffix=".jpg") as name:
            stores.age(bucket.bucket, name, hours=3)
        use_store(settings, stores.closed_store(), "not-there", timeout_seconds=SOON)
        files.remove(name)
        assert files.collect_orphans() == 0
        use_store(settings, bucket.endpoint, bucket.bucket)
        assert bucket.names() == [name]
        assert files.collect_orphans() == 1
        assert bucket.names() == []

    def test_no_store_is_no_proof_of_a_wrong_database(self, away: str, db: None, settings: Settings) -> None:
        use_store(settings, away, "not-there", timeout_seconds=SOON)
        assert not Selfie.objects.exists()
        assert not files.rows_are_missing()
