"""Commands beside `make run` find its broker, and believe no note of a run that is gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attendance import running

ROOT = Path(__file__).resolve().parent.parent.parent
ASK = "from django.conf import settings; print(settings.REDIS_URL)"


def gone_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
        return ended.pid


def redis_url(folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "VALKEY_PORT"}},
            "DJANGO_SETTINGS_MODULE": "attendance.settings",
            "DEBUG": "true",
            "DATA_DIR": str(folder),
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_settings_take_the_port_of_a_run_that_lives_unless_another_is_given(tmp_path: Path) -> None:
    running.note(tmp_path, valkey_port=6499)
    assert redis_url(tmp_path) == "redis://127.0.0.1:6499/0"
    assert redis_url(tmp_path, VALKEY_PORT="6500") == "redis://127.0.0.1:6500/0"
    running.forget(tmp_path)
    assert redis_url(tmp_path) == "redis://127.0.0.1:6391/0"


def test_note_of_a_run_that_was_killed_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", gone_pid)
    running.note(tmp_path, valkey_port=6499)
    assert running.valkey_port(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": "x", "valkey_port": 1}', '{"pid": 1e99, "valkey_port": 1}'])
def test_note_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / running.FILE).write_text(text)
    assert running.valkey_port(tmp_path) is None


def test_forgetting_twice_is_no_error(tmp_path: Path) -> None:
    running.note(tmp_path, valkey_port=6499)
    running.forget(tmp_path)
    running.forget(tmp_path)
    assert list(tmp_path.iterdir()) == []
