"""Installing with one command: a real venv from a real lock, in a folder that a test may break."""

import ast
import hashlib
import json
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import scripts
from scripts import local_keys, sentences, venv_install
from scripts.sentences import CannotStart

Publish = Callable[..., str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project" / "requirements").mkdir(parents=True)
    return tmp_path / "project"


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Builds a wheel into a folder that is the only package index, and gives its line for a lock."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))

    def build(name: str, version: str = "1.0", *, digest: str | None = None) -> str:
        wheel = index / f"{name}-{version}-py3-none-any.whl"
        info = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{name}.py", f"VERSION = '{version}'\n")
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        return f"{name}=={version} --hash=sha256:{digest or hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"

    return build


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of an empty environment, made once: pip."""
    venv = tmp_path_factory.mktemp("made") / ".venv"
    venv_install._make(venv)
    return next(venv.glob("lib/python*/site-packages"))


@pytest.fixture
def lent_pip(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make environments that borrow their pip: to unpack it into each takes seconds, and here what it does counts."""

    def make(venv: Path) -> None:
        base = getattr(sys, "_base_executable", sys.executable)
        subprocess.run([base, "-m", "venv", "--without-pip", str(venv)], check=True)
        (packages,) = venv.glob("lib/python*/site-packages")
        (packages / "pip.pth").write_text(f"{pip}\n")

    monkeypatch.setattr(venv_install, "_make", make)


def write_lock(root: Path, *lines: str, name: str = "run.lock") -> None:
    (root / "requirements" / name).write_text("".join(lines))


def packages(root: Path) -> set[str]:
    found = root.glob(".venv/lib/python*/site-packages/*.dist-info")
    return {path.name.split("-")[0] for path in found} - {"pip", "setuptools", "wheel"}


def test_the_venv_holds_exactly_what_the_lock_names_even_after_it_changed(root: Path, publish: Publish) -> None:
    write_lock(root, publish("chalk"), publish("sponge"))
    python = venv_install.ensure(root, "run")
    assert python.exists()
    assert packages(root) == {"chalk", "sponge"}
    assert venv_install.is_current(root, "run")
    write_lock(root, publish("chalk", "2.0"), publish("board"))
    assert not venv_install.is_current(root, "run")
    venv_install.ensure(root, "run")
    assert packages(root) == {"chalk", "board"}


@pytest.mark.usefixtures("lent_pip")
def test_the_environment_for_tests_also_serves_the_site(root: Path, publish: Publish) -> None:
    chalk = publish("chalk")
    write_lock(root, chalk)
    write_lock(root, chalk, publish("ruler"), name="dev.lock")
    venv_install.ensure(root, "dev")
    assert venv_install.is_current(root, "run")
    assert packages(root) == {"chalk", "ruler"}


@pytest.mark.usefixtures("lent_pip")
def test_other_bytes_than_the_locked_ones_are_refused_and_leave_nothing(root: Path, publish: Publish) -> None:
    write_lock(root, publish("chalk", digest="0" * 64))
    with pytest.raises(CannotStart, match="its hash differs"):
        venv_install.ensure(root, "run")
    assert not (root / ".venv").exists()


@pytest.mark.usefixtures("lent_pip")
def test_without_a_network_one_sentence_and_nothing_half_made(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    write_lock(root, "chalk==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(CannotStart, match="package index cannot be reached"):
        venv_install.ensure(root, "run")
    assert not (root / ".venv").exists()


@pytest.mark.usefixtures("lent_pip")
def test_an_interrupted_install_is_begun_again_from_scratch(root: Path, publish: Publish) -> None:
    write_lock(root, publish("chalk"))
    venv_install.ensure(root, "run")
    half = root / ".venv" / "half-written"
    half.touch()
    (root / ".venv" / venv_install.MARK).touch()
    (root / ".venv" / venv_install.STAMP).unlink()
    venv_install.ensure(root, "run")
    assert not half.exists()
    assert packages(root) == {"chalk"}


def test_a_folder_that_was_moved_gets_a_new_venv(root: Path, publish: Publish) -> None:
    write_lock(root, publish("chalk"))
    venv_install.ensure(root, "run")
    moved = root.with_name("moved")
    root.rename(moved)
    assert not venv_install.is_current(moved, "run")
    venv_install.ensure(moved, "run")
    assert str(moved) in (moved / ".venv" / "bin" / "pip").read_text().splitlines()[0]


def test_a_full_disk_is_said_before_anything_is_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lock(root)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10_000_000))
    with pytest.raises(CannotStart, match="The disk is full: 10 MB are free"):
        venv_install.ensure(root, "run")
    assert not (root / ".venv").exists()


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("Temporary failure in name resolution\nERROR: No matching distribution found", "cannot be reached"),
        ("ERROR: No matching distribution found for tensorflow==2.21", "no build for this machine"),
        ("Oh\nERROR: something new\n", "could not be installed: ERROR: something new"),
        ("", "pip gave no reason"),
    ],
)
def test_what_stops_pip_becomes_a_sentence(printed: str, said: str) -> None:
    assert said in sentences.install_failure(printed)


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 14, 0)])
def test_a_python_without_builds_is_named_with_the_way_out(version: tuple[int, ...]) -> None:
    assert f"this is {version[0]}.{version[1]}: install one" in scripts.refusal(version)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 9), (3, 13, 1), sys.version_info[:3]])
def test_the_locked_pythons_are_welcome(version: tuple[int, ...]) -> None:
    assert scripts.refusal(version) == ""


def test_old_pythons_can_read_what_refuses_them() -> None:
    ast.parse(Path(str(scripts.__file__)).read_text(), feature_version=(3, 4))


def test_keys_are_made_once_and_readable_by_their_owner_only(root: Path) -> None:
    path = local_keys.ensure(root, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    first = path.read_text()
    assert {"SECRET_KEY", "MASTER_KEY", "HTTPS"} == {
        line.split("=")[0] for line in first.splitlines() if line[0] != "#"
    }
    local_keys.ensure(root, {})
    assert path.read_text() == first
    assert [file.name for file in path.parent.iterdir()] == [local_keys.FILE]


def test_a_school_that_sets_its_own_keys_gets_none(root: Path) -> None:
    (root / ".env").write_text("# ours\nMASTER_KEY='abc'\nDATA_DIR=" + str(root / "elsewhere") + "\n")
    path = local_keys.ensure(root, {"SECRET_KEY": "x" * 40})
    assert path == root / "elsewhere" / local_keys.FILE
    assert not path.exists()


def read(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if line[0] != "#")


def test_a_key_that_was_given_to_the_first_start_is_asked_for_at_the_next(root: Path) -> None:
    path = local_keys.ensure(root, {"MASTER_KEY": "given"})
    first = path.read_text()
    assert set(read(path)) == {"SECRET_KEY", "HTTPS"}
    assert "every\n# later one needs the same" in first
    for without in ({}, {"MASTER_KEY": ""}):
        with pytest.raises(CannotStart, match="MASTER_KEY was given to the first start"):
            local_keys.ensure(root, without)
    local_keys.ensure(root, {"MASTER_KEY": "given"})
    assert path.read_text() == first
    with path.open("a") as file:
        file.write("MASTER_KEY=given\n")
    local_keys.ensure(root, {})


def test_a_key_in_a_file_of_its_own_is_a_given_one(root: Path) -> None:
    path = local_keys.ensure(root, {"MASTER_KEY_FILE": "/run/secrets/master_key"})
    assert set(read(path)) == {"SECRET_KEY", "HTTPS"}
    local_keys.ensure(root, {"MASTER_KEY_FILE": "/run/secrets/master_key"})


def test_a_secret_key_that_was_given_to_the_first_start_is_made_at_the_next_beside_the_kept_key(root: Path) -> None:
    path = local_keys.ensure(root, {"SECRET_KEY": "x" * 40})
    kept = read(path)
    assert set(kept) == {"MASTER_KEY", "HTTPS"}
    local_keys.ensure(root, {})
    after = read(path)
    assert len(after.pop("SECRET_KEY")) >= 32
    assert after == kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_data_without_the_key_that_opens_it_gets_no_new_one(root: Path) -> None:
    (root / "var").mkdir()
    (root / "var" / local_keys.DATABASE).touch()
    with pytest.raises(CannotStart, match="the key that opens its face data is missing"):
        local_keys.ensure(root, {})
    assert not (root / "var" / local_keys.FILE).exists()


@pytest.mark.usefixtures("lent_pip")
def test_the_stamp_is_plain_to_read(root: Path, publish: Publish) -> None:
    write_lock(root, publish("chalk"))
    venv_install.ensure(root, "run")
    stamp = json.loads((root / ".venv" / venv_install.STAMP).read_text())
    assert stamp["locks"]["run.lock"] == hashlib.sha256((root / "requirements" / "run.lock").read_bytes()).hexdigest()
    assert stamp["path"] == os.fspath(root / ".venv")
