"""Starts the whole site on this machine, until Ctrl-C."""

import errno
from argparse import ArgumentParser
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from attendance import local_site, running
from attendance.models import User
from attendance.services import demo, files
from attendance.settings.environment import env
from attendance.supervisor import CannotRun, Supervisor


class Command(BaseCommand):
    """Prepare the data, then run Valkey, worker, sweeper and web server under one supervisor."""

    help = "Start the whole site on this machine: Valkey, worker, sweeper and web server. Ctrl-C stops it all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to listen; the environment says so too, which suits `make run`."""
        # Address that `make run` listens on; 0.0.0.0 lets phones on the same network in. Default 127.0.0.1.
        parser.add_argument("--host", default=env.str("BIND_ADDRESS", default="127.0.0.1"), help="address to listen on")
        # Port that `make run` serves the site on. Default 8000.
        parser.add_argument("--port", type=int, default=env.int("PORT", default=8000), help="port to listen on")
        parser.add_argument("--without-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *args: Any, host: str, port: int, without_demo: bool, **options: Any) -> None:
        """Run until a signal comes."""
        folder: Path = settings.DATA_DIR
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = local_site.hold_lock(folder)
            local_site.require_free_disk(folder)
            local_site.require_free_port(host, port, name="PORT")
            if local_site.has_own_broker():
                local_site.require_free_port("127.0.0.1", settings.VALKEY_PORT, name="VALKEY_PORT")
            logins = self._prepare(with_demo=not without_demo and local_site.is_this_machine_only(host))
            self._supervise(host, port, logins)
            lock.close()
        except CannotRun as stop:
            raise CommandError(str(stop)) from None
        except (OSError, DatabaseError) as error:
            raise CommandError(_sentence(error)) from error
        self.stdout.write("Stopped. Everything is kept in " + str(folder))

    def _prepare(self, *, with_demo: bool) -> list[demo.Login]:
        """Bring database and static files up to date, fill an empty school with the demo; give its logins."""
        self.stdout.write("Preparing the database and the pages ...")
        self.stdout.flush()
        if files.rows_are_missing():
            raise CannotRun(files.WRONG_DATABASE)
        call_command("migrate", interactive=False, verbosity=0)
        if not settings.DEBUG:
            self._collect_static_files()
        begun = settings.DATA_DIR / "demo-begun"  # stays behind when the filling is interrupted
        if with_demo and (begun.exists() or not User.objects.exists()):
            begun.touch()
            call_command("demo", with_logins=True, stdout=StringIO())
            begun.unlink()
        logins = demo.working_logins()
        connections.close_all()  # the supervisor itself needs none, and no child may inherit one
        return logins

    def _collect_static_files(self) -> None:
        """Collect and compress the pages' files, unless none has changed since it was last done."""
        stamp, digest = settings.STATIC_ROOT / ".collected", local_site.static_files_digest()
        if stamp.exists() and stamp.read_text() == digest:
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(digest)

    def _supervise(self, host: str, port: int, logins: list[demo.Login]) -> None:
        supervisor = Supervisor(environment=local_site.environment(), folder=settings.BASE_DIR, say=self._say)
        welcome = _welcome(host, port, logins)
        self._say("Starting the site and loading the face models ...")
        services = local_site.services(host=host, port=port)
        if local_site.has_own_broker():
            running.note(settings.DATA_DIR, valkey_port=settings.VALKEY_PORT)
        try:
            supervisor.run(services, when_ready=lambda: self._say(welcome))
        finally:
            running.forget(settings.DATA_DIR)

    def _say(self, line: str) -> None:
        with suppress(BrokenPipeError):  # nobody reads any more; the site goes on
            self.stdout.write(line)
            self.stdout.flush()


def _welcome(host: str, port: int, logins: list[demo.Login]) -> str:
    lines = ["", f"Rollcall runs at {local_site.local_address(host, port)}", ""]
    lines += [f"  {login.role.label:<8} {login.username} / {login.password}" for login in logins]
    if not logins:
        lines.append("  No demo logins; `manage.py createsuperuser` makes an account for an admin.")
    elif not local_site.is_this_machine_only(host):
        lines.append("  Everybody knows these demo logins: change their passwords before others can reach this.")
    return "\n".join([*lines, "", "Ctrl-C stops it; the next `make run` goes on with the same data.", ""])


def _sentence(error: OSError | DatabaseError) -> str:
    text = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if "disk is full" in text or (isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}):
        return "The disk is full: free some space, then start again; what was saved is kept."
    if isinstance(error, DatabaseError):
        return f"The database did not do as asked: {text}"
    return f"The operating system refused: {text}"
