"""What docker-compose.yml and the Dockerfile say, read for the tests that hold them to it."""

import json
import re
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = {name: service for name, service in SERVICES.items() if str(service["image"]).startswith("rollcall-")}
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def stage(name: str) -> str:
    """Give the instructions of one stage of the Dockerfile."""
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found.group(1)


def stages_below(name: str) -> list[str]:
    """Give the stages that an image is built on, itself first; not those that it only copies from."""
    found = re.search(rf"^FROM (\S+) AS {name}$", DOCKERFILE, re.MULTILINE)
    return [] if found is None else [name, *stages_below(found.group(1))]


def command_of(service: str) -> list[str]:
    """Give what a container runs: the compose file's command, else the image's ``CMD``."""
    described = SERVICES[service]
    if "command" in described:
        return [str(part) for part in described["command"]]
    for below in stages_below(str(described["image"]).removeprefix("rollcall-")):
        found = re.search(r"^CMD (\[.*\])", stage(below), re.MULTILINE)
        if found is not None:
            return [str(part) for part in json.loads(found.group(1))]
    raise AssertionError(f"{service} has no command")


def environment_of(service: str, variables: dict[str, str]) -> dict[str, str]:
    """Give a container's environment, with compose's variables put in.

    Args:
        service: its name.
        variables: what the operator has set, such as ``SITE``.
    """

    def value(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        assert kind != "?" or variables.get(name), f"{name} must be set"
        return variables.get(name) or (default if kind == "-" else "")

    return {name: _VARIABLE.sub(value, str(text)) for name, text in SERVICES[service]["environment"].items()}
