"""The image and the compose file name only what exists: commands, settings, packages, secrets, volumes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from scripts import container_secrets, settings_table

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if str(service["image"]).startswith("rollcall-")}
LOCKED = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / "run.lock").read_text(), re.MULTILINE))


def stage(name: str) -> str:
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found.group(1)


def test_every_setting_that_compose_passes_is_one() -> None:
    known = {setting.name for setting in settings_table.read_settings()}
    passed = {name.removesuffix("_FILE") for service in OURS.values() for name in service["environment"]}
    assert passed <= known
    assert {"SECRET_KEY", "MASTER_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS"} <= passed


def test_every_command_that_compose_runs_is_one() -> None:
    commands = [service["command"] for service in OURS.values() if "command" in service]
    assert {command[2] for command in commands if command[1] == "manage.py"} <= set(get_commands())
    assert all(command[:2] == ["python", "manage.py"] for command in commands)


@pytest.mark.parametrize("name", ["web", "worker", "sweeper"])
def test_what_is_ours_runs_without_rights_and_waits_for_the_migrations(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert "mem_limit" in service


@pytest.mark.parametrize("name", ["web", "worker"])
def test_an_image_runs_as_a_user_of_its_own_and_says_whether_it_is_healthy(name: str) -> None:
    text = stage(name)
    assert re.search(r"^USER 10001", text, re.MULTILINE)
    assert "HEALTHCHECK" in text


def test_every_secret_is_a_file_that_the_script_makes(tmp_path: Path) -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    assert set(container_secrets.make(tmp_path / "secrets")) == used
    assert {Path(entry["file"]).name for entry in COMPOSE["secrets"].values()} == used
    files = {name: (tmp_path / "secrets" / name).read_text() for name in used}
    assert files["database_password"] in files["database_url"]
    assert not any(text.endswith("\n") for text in files.values())
    assert container_secrets.make(tmp_path / "secrets") == []


def test_volumes_are_declared_and_the_data_is_shared_by_site_and_worker() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])
    assert OURS["web"]["volumes"] == OURS["worker"]["volumes"] == OURS["sweeper"]["volumes"]


def test_the_web_image_leaves_out_packages_that_are_locked() -> None:
    removed = re.search(r"pip uninstall --yes (.*)", stage("web-packages"))
    assert removed is not None
    assert {"tensorflow", "opencv-contrib-python-headless"} <= set(removed.group(1).split()) <= LOCKED


def test_only_listed_folders_reach_the_build_and_no_key_does() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {part for line in copied for part in line.split()}
    assert all(any(source.startswith(name.rstrip("/")) for name in allowed) for source in sources)
    assert not any(name.startswith((".env", "var", "secrets")) for name in allowed)
    assert all(list(ROOT.glob(source)) for source in sources)


def test_no_probe_follows_a_redirect_or_needs_a_certificate() -> None:
    assert "/health/live" in stage("web")
    assert "https" not in stage("web")
