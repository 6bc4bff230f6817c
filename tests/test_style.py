"""The limits that keep rooms small, and what must never stand in a tracked file."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES_IN_A_FILE = 400
MOST_LINES_IN_A_FUNCTION = 40
# A file or `file::function` that is longer, with the reason.
EXCEPTIONS: dict[str, str] = {
    "tests/story/test_over_pages.py::test_a_class_of_forty_from_selfie_to_report": "one story, told in its order",
}
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|root|home/\w+|opt/pypi\S*)/")
REGISTRIES = re.compile(r"\b(pypi|pythonhosted|npmjs|debian)\.(org|com)\b")
ADDRESS = re.compile(r"\bhttps?://")
WITHOUT_ADDRESSES = ("requirements/", "Makefile", ".ci/")
THIRD_PARTY = ("static/vendor/",)


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: no list of tracked files")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / line for line in listed.splitlines() if not line.startswith(THIRD_PARTY)]
    return [file for file in files if file.is_file() and file != Path(__file__)]


def own_python() -> list[Path]:
    return [file for file in tracked() if file.suffix == ".py" and "migrations" not in file.parts]


def texts() -> Iterator[tuple[str, str]]:
    for file in tracked():
        try:
            yield file.relative_to(ROOT).as_posix(), file.read_text()
        except UnicodeDecodeError:
            continue  # a picture


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def test_no_file_is_longer_than_a_room() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in own_python()}
    long = {name: n for name, n in lengths.items() if n > MOST_LINES_IN_A_FILE and name not in EXCEPTIONS}
    assert long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {}
    for path in own_python():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{path.relative_to(ROOT).as_posix()}::{node.name}"
                if body_lines(node) > MOST_LINES_IN_A_FUNCTION and name not in EXCEPTIONS:
                    long[name] = body_lines(node)
    assert long == {}


def test_every_exception_is_still_needed_and_has_its_reason() -> None:
    for name, reason in EXCEPTIONS.items():
        path, _, function = name.partition("::")
        assert (ROOT / path).exists(), name
        assert len(reason) > 10, name
        assert not function or f"def {function}(" in (ROOT / path).read_text(), name


def test_no_path_of_one_machine_and_no_registry_is_tracked() -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in texts()
        for match in (*MACHINE_PATHS.finditer(text), *REGISTRIES.finditer(text))
    ]
    assert found == []


def test_locks_and_commands_hold_no_address() -> None:
    found = [name for name, text in texts() if name.startswith(WITHOUT_ADDRESSES) and ADDRESS.search(text)]
    assert found == []


def test_every_locked_package_has_a_hash_and_one_exact_version() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        text = lock.read_text().replace("\\\n", " ")
        entries = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
        assert len(entries) > 50
        assert [line for line in entries if "==" not in line.split()[0] or "--hash=sha256:" not in line] == []


def test_everything_the_site_needs_has_the_same_version_where_it_is_tested() -> None:
    pin = re.compile(r"^(\S+==\S+)", re.MULTILINE)
    run, dev = (set(pin.findall((ROOT / "requirements" / f"{name}.lock").read_text())) for name in ("run", "dev"))
    assert run <= dev
