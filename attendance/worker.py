"""What a worker process does besides its tasks: it says who it is and that it lives, and refuses a wrong face model.

The models are loaded in the child, before its first task and in a thread beside it: a TensorFlow that was loaded before
the fork would deadlock it, and a task's time limit must not end the loading.
"""

import logging
import threading
import time
from contextlib import suppress
from typing import Any, Final

from celery.signals import celeryd_after_setup, heartbeat_sent, worker_process_init, worker_ready
from django.conf import settings
from django.db import DatabaseError, connection

from attendance import tasks
from attendance.services import face_model, files, heartbeats, release, working
from attendance.services.errors import EngineNotReady, ModelsLoading

_log = logging.getLogger(__name__)


class _Pulse:
    """Beats at most once a sweep, however often Celery does."""

    def __init__(self) -> None:
        self._next = 0.0

    def beat(self) -> None:
        """Leave a sign of life if it is time for one."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + settings.SWEEP_SECONDS
        try:
            heartbeats.beat(heartbeats.WORKER)
        except DatabaseError:
            _log.warning("the database did not take a sign of life")
        finally:
            connection.close()  # a child that is forked later must not inherit it


_pulse: Final = _Pulse()


@celeryd_after_setup.connect
def introduce_worker(sender: str, **kwargs: Any) -> None:
    """Take Celery's name for this worker, and refuse to start under a face model that is not the templates'."""
    heartbeats.introduce(heartbeats.WORKER, sender)
    try:
        if files.rows_are_missing():
            raise EngineNotReady(files.WRONG_DATABASE)
        release.require_current()
        face_model.active_recogniser()
        heartbeats.beat(heartbeats.WORKER, detail=heartbeats.of_engine(heartbeats.LOADING))
    except EngineNotReady as error:
        raise SystemExit(str(error)) from error
    except DatabaseError:
        _log.warning("the database did not answer at the start")
    finally:
        connection.close()


@worker_process_init.connect
def begin_to_load(**kwargs: Any) -> None:
    """Let a child load its models; a call that comes meanwhile waits for them, or is made again."""
    threading.Thread(target=_load, name="loads the models", daemon=True).start()


def _load() -> None:
    try:
        tasks.work(working.load_models)
    except (DatabaseError, ModelsLoading):  # away, or a switch to another model has just come: the first call loads
        _log.warning("the models were not loaded at the start", exc_info=True)
    # Whatever a network can raise: the first call meets it again, and until then nobody waits for this one.
    except Exception as error:
        _log.exception("the models were not loaded at the start")
        with suppress(DatabaseError):
            said = f"The models could not be loaded ({type(error).__name__})."
            heartbeats.beat(heartbeats.WORKER, detail=heartbeats.of_engine(said))
    finally:
        connection.close()


@worker_ready.connect
@heartbeat_sent.connect
def beat(**kwargs: Any) -> None:
    """Leave a sign of life, as Celery's own heart beats."""
    _pulse.beat()
