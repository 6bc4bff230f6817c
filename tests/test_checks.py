"""What decides on green or red decides rightly: counts, licences, advisories."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import advisories, licences, run_checks, run_tests

EXAMPLE = """
import pytest
def test_passes(): pass
def test_passes_too(): pass
def test_fails(): assert False
def test_skips(): pytest.skip("a reason")
@pytest.fixture
def broken(): raise RuntimeError
def test_errs(broken): pass
"""


def test_counts_are_those_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(EXAMPLE)
    report = tmp_path / "report.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:django",
        "-c",
        "/dev/null",
        "--rootdir",
        ".",
    ]
    done = subprocess.run([*command, f"--junitxml={report}"], cwd=tmp_path, capture_output=True, text=True)
    assert "1 failed, 2 passed, 1 skipped, 1 error" in done.stdout
    assert run_tests.read_counts(report) == run_tests.Counts(passed=2, failed=2, skipped=1)


def test_a_group_that_never_reported_counts_nothing(tmp_path: Path) -> None:
    assert run_tests.read_counts(tmp_path / "missing.xml") == run_tests.Counts()


def test_every_test_belongs_to_exactly_one_group_and_faults_run_on_both_databases() -> None:
    fast, slow, faults, again = (run_tests.GROUPS[name][0] for name in ("fast", "slow", "faults", "faults-postgres"))
    assert sorted(part.removeprefix("not ") for part in fast.split(" and ")) == sorted([*slow.split(" or "), faults])
    assert (faults, run_tests.RUNNERS["faults-postgres"]) == (again, "tests.on_postgresql")


@pytest.mark.parametrize(
    "licence",
    ["MIT", "BSD License", "BSD-3-Clause", "Apache Software License; BSD License", "MPL-2.0 AND MIT", "MIT OR GPL-3.0"],
)
def test_permissive_licences_are_allowed(licence: str) -> None:
    assert licences.is_allowed(licence)


@pytest.mark.parametrize(
    "licence",
    ["GPL-3.0-only", "GNU Affero General Public License v3", "LGPL-3.0-only", "UNKNOWN", "", "MIT AND GPL-2.0", "SSPL"],
)
def test_other_licences_are_not(licence: str) -> None:
    assert not licences.is_allowed(licence)


def test_a_package_is_refused_by_name_unless_it_is_excepted() -> None:
    packages = [
        {"Name": "psycopg", "License": "LGPL-3.0-only"},
        {"Name": "viral", "License": "AGPL-3.0"},
        {"Name": "django", "License": "BSD License"},
    ]
    assert licences.refused(packages) == ["viral: AGPL-3.0"]


def test_an_advisory_is_found_and_a_package_that_was_not_looked_up_is_not_counted() -> None:
    looked_up, found = advisories.summary(
        [
            {"name": "good", "version": "1", "vulns": []},
            {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]},
            {"name": "unknown", "skip_reason": "no answer"},
        ]
    )
    assert looked_up == 2
    assert found == ["bad 2: PYSEC-1, fixed in ['3']"]


def test_checks_see_a_school_server_and_not_the_developer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "true")
    monkeypatch.setenv("SECRET_KEY", "weak")
    environment = run_checks.production_environment(tmp_path)
    assert environment["DEBUG"] == "false"
    assert len(environment["SECRET_KEY"]) >= 50
    assert environment["DATA_DIR"] == str(tmp_path)


def test_a_failed_check_is_told_with_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    run_checks.CHECKS["broken"] = [sys.executable, "-c", "print('what is wrong'); raise SystemExit(2)"]
    try:
        assert run_checks.main(["broken"]) == 1
    finally:
        del run_checks.CHECKS["broken"]
    assert "FAILED broken" in (said := capsys.readouterr().out)
    assert "what is wrong" in said
