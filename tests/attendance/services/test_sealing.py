"""Keys and seals."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from attendance.models import ClassSession, Selfie, Student, User
from attendance.services import gallery, keys, recognition, sealing, snapshots
from attendance.services.errors import EngineNotReady
from attendance.services.sealing import SealBroken
from tests.fakes import class_photo, selfie_of

KEY, OTHER = b"k" * 32, b"o" * 32


def new_master_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@given(plain=st.binary(max_size=2000), context=st.text(max_size=50))
def test_what_was_sealed_opens_to_the_same_bytes(plain: bytes, context: str) -> None:
    assert sealing.open_sealed(sealing.seal(plain, key=KEY, context=context), key=KEY, context=context) == plain


@given(plain=st.binary(min_size=1, max_size=200), place=st.integers(min_value=0), flip=st.integers(1, 255))
def test_one_changed_byte_anywhere_breaks_the_seal(plain: bytes, place: int, flip: int) -> None:
    sealed = bytearray(sealing.seal(plain, key=KEY, context="c"))
    sealed[place % len(sealed)] ^= flip
    with pytest.raises(SealBroken):
        sealing.open_sealed(bytes(sealed), key=KEY, context="c")


def test_other_key_and_other_place_do_not_open() -> None:
    sealed = sealing.seal(b"x", key=KEY, context="template:1:m")
    for key, context in ((OTHER, "template:1:m"), (KEY, "template:2:m"), (KEY, "template:1:n")):
        with pytest.raises(SealBroken):
            sealing.open_sealed(sealed, key=key, context=context)


def test_same_bytes_sealed_twice_differ() -> None:
    assert sealing.seal(b"x", key=KEY, context="c") != sealing.seal(b"x", key=KEY, context="c")


def test_embedding_comes_back_exactly() -> None:
    embedding = np.random.default_rng(1).normal(size=128).astype(np.float32)
    sealed = sealing.seal_embedding(embedding, key=KEY, context="c")
    opened = sealing.open_embedding(sealed, key=KEY, context="c")
    assert opened.dtype == np.float32
    assert np.array_equal(opened, embedding)


def test_rotation_wraps_all_keys_anew_and_then_the_old_key_is_not_needed(
    recognisable: Callable[..., Student],
    class_session: ClassSession,
    teacher: User,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ada = recognisable("ada")
    added = snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher)
    recognition.recognise(added.snapshot.pk)
    before = keys.student_key(ada.pk)
    settings.OLD_MASTER_KEYS, settings.MASTER_KEY = [settings.MASTER_KEY], new_master_key()
    call_command("rotate_master_key")
    assert "2 data keys" in capsys.readouterr().out
    settings.OLD_MASTER_KEYS = []
    assert keys.student_key(ada.pk) == before


def test_rotation_without_the_old_key_changes_nothing(recognisable: Callable[..., Student], settings: Settings) -> None:
    ada = recognisable("ada")
    wrapped = Student.objects.get().wrapped_key
    settings.MASTER_KEY = new_master_key()
    with pytest.raises(CommandError, match="OLD_MASTER_KEYS"):
        call_command("rotate_master_key")
    assert Student.objects.get(pk=ada.pk).wrapped_key == wrapped


def test_wrong_master_key_leaves_photos_queued_and_writes_nothing(
    recognisable: Callable[..., Student], class_session: ClassSession, teacher: User, settings: Settings
) -> None:
    recognisable("ada")
    added = snapshots.add_snapshot(session=class_session, data=class_photo("ada"), by=teacher)
    settings.MASTER_KEY = new_master_key()
    with pytest.raises(EngineNotReady, match="MASTER_KEY"):
        recognition.recognise(added.snapshot.pk)
    added.snapshot.refresh_from_db()
    assert (added.snapshot.state, added.snapshot.attempts, added.snapshot.faces.count()) == ("QUEUED", 0, 0)


def test_selfie_under_another_master_key_stays_queued(
    student: Student, school: object, teacher: User, settings: Settings
) -> None:
    gallery.give_consent(student=student, by=teacher)
    selfie = gallery.add_selfie(student=student, data=selfie_of("ada"), by=teacher)
    settings.MASTER_KEY = new_master_key()
    with pytest.raises(EngineNotReady):
        gallery.process_selfie(selfie.pk)
    selfie.refresh_from_db()
    assert (selfie.state, selfie.attempts) == ("QUEUED", 0)


def test_damaged_selfie_file_fails_after_three_attempts(
    student: Student, school: object, teacher: User, private_files: Path
) -> None:
    gallery.give_consent(student=student, by=teacher)
    selfie = gallery.add_selfie(student=student, data=selfie_of("ada"), by=teacher)
    (private_files / str(selfie.image.name)).write_bytes(b"x" * 100)
    for _ in range(3):
        Selfie.objects.update(not_before=timezone.now())
        gallery.process_selfie(selfie.pk)
    selfie.refresh_from_db()
    assert (selfie.state, selfie.failure_code) == ("FAILED", "gave-up")


def test_made_master_key_is_32_random_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("make_master_key")
    first = capsys.readouterr().out.strip()
    call_command("make_master_key")
    assert len(base64.b64decode(first)) == 32
    assert capsys.readouterr().out.strip() != first
