"""The list of the forgotten: under the master key's seal, and of one installation."""

import base64
import datetime as dt
import json
import secrets
import threading
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product
from django.core.management import call_command
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from attendance.models import FaceTemplate, SchoolSettings, Selfie, Snapshot, Student, User
from attendance.services import erasures, gallery, privacy
from attendance.services.backups import mending
from attendance.services.erasures import Erasure, Forgotten, Seal, Sealing
from tests import stores
from tests.conftest import Recognisable

pytestmark = pytest.mark.django_db


def entry_of(kind: Forgotten, **fields: Any) -> Erasure:
    """An entry as somebody without the key can write it."""
    said: dict[str, Any] = {"uid": secrets.token_hex(16), "installation": erasures.installation_id()}
    return Erasure(**{**said, "at": timezone.now(), "kind": kind, **fields})


def put(entry: Erasure, private_files: Path) -> Path:
    """Lay an entry where the site's own lie."""
    path = private_files.parent / erasures.FOLDER / f"{entry.uid}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{entry.line()}\n")
    return path


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def test_every_entry_carries_the_seal_and_a_change_of_any_field_breaks_it(student: Student) -> None:
    erasures.note(Forgotten.ERASED, students=[student.pk], files=["selfies/a.bin"])
    (entry,) = erasures.kept_here()
    assert entry.seal is Seal.OURS
    said = json.loads(entry.line())
    for name, value in {
        "uid": "0" * 32,
        "installation": "another",
        "at": (entry.at - dt.timedelta(days=1)).isoformat(),
        "kind": "withdrawn",
        "students": [student.pk + 1],
        "files": ["selfies/b.bin"],
        "keep_name": True,
    }.items():
        assert erasures._entry(json.dumps({**said, name: value})).seal is Seal.FOREIGN, name
    assert erasures._entry(json.dumps({**said, "mark": ""})).seal is Seal.NONE
    assert erasures._entry(json.dumps({**said, "mark": "f" * 64})).seal is Seal.FOREIGN


def test_seal_of_a_replaced_key_holds_until_that_key_is_gone_and_rotation_renews_it(
    student: Student, settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    erasures.note(Forgotten.ERASED, students=[student.pk])
    erasures.write_copy(tmp_path / "list")
    settings.OLD_MASTER_KEYS, settings.MASTER_KEY = [settings.MASTER_KEY], new_key()
    call_command("rotate_master_key")
    assert "1 entries of the list of the forgotten" in capsys.readouterr().out
    assert erasures.seal_kept() == Sealing(sealed=0, left=0)
    assert [entry.seal for entry in erasures.read_copy(tmp_path / "list")] == [Seal.OURS]
    settings.OLD_MASTER_KEYS = []
    assert [entry.seal for entry in erasures.read_copy(tmp_path / "list")] == [Seal.FOREIGN]
    assert [entry.seal for entry in erasures.kept_here()] == [Seal.OURS]
    assert [entry.seal for entry in erasures.write_copy(tmp_path / "list")] == [Seal.OURS]


def test_copy_keeps_what_is_sealed_where_somebody_wrote_over_it(
    student: Student, private_files: Path, tmp_path: Path
) -> None:
    erasures.note(Forgotten.ERASED, students=[student.pk])
    (true,) = erasures.write_copy(tmp_path / "list")
    path = next((private_files.parent / erasures.FOLDER).glob("*.json"))
    path.write_text(json.dumps({**json.loads(true.line()), "students": [], "mark": ""}))
    assert [entry.students for entry in erasures.kept_here()] == [()]
    assert erasures.write_copy(tmp_path / "list") == [true]
    assert erasures.read_copy(tmp_path / "list")[0].seal is Seal.OURS


def test_half_an_entry_names_what_never_happened_and_another_file_is_refused(private_files: Path) -> None:
    folder = private_files.parent / erasures.FOLDER
    folder.mkdir()
    (folder / "half.json").write_text('{"uid": "half a li')
    assert erasures.kept_here() == []
    whole = json.loads(entry_of(Forgotten.ERASED, students=(1,)).line())
    for change in ({"students": 1}, {"kind": "sold"}, {"at": "2026-09-01T08:00:00"}, {"at": 5}, {"files": None}):
        (folder / "other.json").write_text(json.dumps({**whole, **change}))
        with pytest.raises(ValueError, match="entry of the list of the forgotten"):
            erasures.kept_here()


def test_in_a_bucket_an_entry_is_sealed_anew_and_the_id_replaced(student: Student, settings: Settings) -> None:
    with stores.store_running() as endpoint:
        bucket = stores.new_bucket(endpoint)
        settings.STORAGES = stores.storages(product.STORAGES, endpoint=endpoint, bucket=bucket)
        erasures.note(Forgotten.BY_HAND, students=[student.pk])
        before = erasures.kept_here()
        settings.OLD_MASTER_KEYS, settings.MASTER_KEY = [settings.MASTER_KEY], new_key()
        assert erasures.seal_kept() == Sealing(sealed=1, left=0)
        settings.OLD_MASTER_KEYS = []
        assert erasures.kept_here() == before
        assert erasures.kept_here()[0].seal is Seal.OURS
        assert erasures.seal_kept() == Sealing(sealed=0, left=0)
        erasures.adopt("of-the-backup")
        erasures.adopt_beside_files("of-the-backup")
        assert erasures.installation_ids() == ("of-the-backup", "of-the-backup")


class TestOlderEntries:
    """Of releases that put no seal on them: sealed where the database shows that they tell the truth."""

    @pytest.fixture
    def ada(self, recognisable: Recognisable) -> Student:
        return recognisable("ada")

    def test_true_ones_are_sealed_and_stay_the_same_otherwise(
        self, ada: Student, recognisable: Recognisable, snapshot: Snapshot, admin: User, private_files: Path
    ) -> None:
        ben, cem = recognisable("ben"), recognisable("cem")
        photo = snapshot.image.name or ""
        gallery.withdraw_consent(student=ben, by=admin)
        gallery.set_by_hand_only(student=cem, on=True, by=admin)
        privacy.erase_student(student=ada, by=admin)
        Snapshot.objects.update(image="")
        erasures.note(Forgotten.PICTURE, files=[photo])
        for path in (private_files.parent / erasures.FOLDER).glob("*.json"):
            said = json.loads(path.read_text())
            del said["mark"]
            path.write_text(json.dumps(said, sort_keys=True))
        before = erasures.kept_here()
        assert {entry.kind for entry in before} == {"erased", "withdrawn", "by-hand", "picture"}
        assert erasures.seal_kept() == Sealing(sealed=0, left=len(before))
        assert erasures.seal_kept(holds=mending.holds) == Sealing(sealed=len(before), left=0)
        assert erasures.kept_here() == before
        assert {entry.seal for entry in erasures.kept_here()} == {Seal.OURS}

    @pytest.mark.parametrize("kind", [Forgotten.ERASED, Forgotten.WITHDRAWN, Forgotten.BY_HAND, Forgotten.FACE])
    def test_one_that_names_a_student_who_is_still_known_is_left(
        self, ada: Student, kind: Forgotten, private_files: Path
    ) -> None:
        put(entry_of(kind, students=(ada.pk,)), private_files)
        assert erasures.seal_kept(holds=mending.holds) == Sealing(sealed=0, left=1)
        assert erasures.kept_here()[0].seal is Seal.NONE

    def test_one_that_names_a_picture_that_is_still_there_is_left(
        self, ada: Student, snapshot: Snapshot, private_files: Path
    ) -> None:
        selfie = Selfie.objects.get().image.name or ""
        for kind, name in ((Forgotten.PICTURE, selfie), (Forgotten.PHOTO, snapshot.image.name or "")):
            put(entry_of(kind, files=(name,)), private_files)
        assert erasures.seal_kept(holds=mending.holds) == Sealing(sealed=0, left=2)

    def test_one_that_takes_away_confirmed_faces_is_left(self, ada: Student, snapshot: Snapshot) -> None:
        entry = entry_of(Forgotten.CONFIRMED, students=(ada.pk,))
        assert mending.holds(entry)
        face = snapshot.faces.create(x=0, y=0, width=9, height=9, landmarks=[], score=1, threshold_cosine=0.5)
        FaceTemplate.objects.filter(student=ada).update(selfie=None, face=face)
        assert not mending.holds(entry)

    def test_what_the_database_cannot_bear_out_is_left(self, ada: Student, settings: Settings) -> None:
        gone = {"files": ("snapshots/gone.jpg",)}
        assert mending.holds(entry_of(Forgotten.PICTURE, **gone))
        later = timezone.now() + dt.timedelta(days=9)
        for wrong in (
            entry_of(Forgotten.PICTURE, **gone, installation="another"),
            entry_of(Forgotten.PICTURE, **gone, at=later),
            entry_of(Forgotten.ERASED, students=(2**62,)),
        ):
            assert not mending.holds(wrong)
        Student.objects.all().delete()
        assert not mending.holds(entry_of(Forgotten.PICTURE, **gone))


class TestInstallation:
    def test_database_takes_the_id_that_stands_beside_its_photos_and_keeps_it_when_they_are_lost(
        self, private_files: Path
    ) -> None:
        before = erasures.installation_beside_files()
        assert erasures.installation_ids() == (None, before)
        assert erasures.installation_id() == before
        assert SchoolSettings.objects.get().installation == before
        (private_files.parent / erasures.FOLDER / "installation").unlink()
        assert erasures.installation_id() == before
        assert erasures.installation_ids() == (before, before)

    def test_entries_bear_the_id_of_the_database_not_of_the_folder(self, student: Student) -> None:
        erasures.installation_id()
        SchoolSettings.objects.update(installation="mine")
        erasures.note(Forgotten.ERASED, students=[student.pk])
        assert erasures.kept_here()[0].installation == "mine"

    @pytest.mark.django_db(transaction=True)
    def test_two_at_their_first_use_agree(self) -> None:
        found: list[str] = []

        def ask() -> None:
            found.append(erasures.installation_id())
            connections.close_all()

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert {*found} == {erasures.installation_id()}
