"""What the documents tell people to type, open or read exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@each_document
def test_every_make_target_exists(document: Path) -> None:
    said = re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(), re.MULTILINE)
    assert set(said) <= TARGETS
    assert said or document.parent.name == "docs"


@each_document
def test_every_management_command_exists(document: Path) -> None:
    said = re.findall(r"manage\.py ([a-z_]+)", document.read_text())
    assert set(said) <= set(get_commands())


@each_document
def test_every_module_that_is_run_exists(document: Path) -> None:
    for name in re.findall(r"python3? -m ((?:faces|scripts)[\w.]*)", document.read_text()):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), name


@each_document
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


@each_document
def test_every_file_that_is_named_exists(document: Path) -> None:
    for name in re.findall(r"`((?:attendance|faces|scripts|tests|docs|templates)/[\w/.-]+)`", document.read_text()):
        assert (ROOT / name).exists(), name


def test_every_target_of_the_makefile_says_what_it_does_and_runs_what_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    said = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert TARGETS - said == {"environment"}
    for module in re.findall(r"-m (scripts\.\w+)", makefile):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module


@pytest.mark.parametrize("name", ["bootstrap", "venv_install", "local_keys", "sentences", "container_secrets"])
def test_what_runs_before_anything_is_installed_needs_only_the_standard_library(name: str) -> None:
    base = getattr(sys, "_base_executable", sys.executable)
    command = [base, "-S", "-c", f"import scripts.{name}"]  # -S: no site-packages
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
