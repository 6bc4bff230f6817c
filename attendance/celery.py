"""The Celery app: only a wake-up. What is to be done stands in the database (``models.queue``).

Each wake-up carries the id of the request that made it, so that a worker's log lines can be found by it.
"""

import logging.config
import os
from contextlib import AbstractContextManager
from typing import Any, Final

from celery import Celery
from celery.signals import before_task_publish, celeryd_init, setup_logging, task_postrun, task_prerun
from django.conf import settings

from attendance import logs
from attendance.context import RequestContext, current_context, request_context

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attendance.settings")
REQUEST_ID: Final = "rollcall_request_id"

app = Celery("attendance")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["attendance"])
app.autodiscover_tasks(["attendance"], related_name="worker")
_program: Final = logging.getLogger("celery.apps.worker")
_running: dict[str, AbstractContextManager[None]] = {}


@setup_logging.connect
def log_like_the_site(**kwargs: Any) -> None:
    """Keep Celery from setting up its own lines."""
    # 3: TensorFlow writes lines of its own past every logger; what breaks a task is an exception all the same.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.config.dictConfig(settings.LOGGING)


@celeryd_init.connect
def speak_as_the_site(instance: Any, **kwargs: Any) -> None:
    """Turn warnings of the start into lines as well; where a machine reads them, also what Celery prints by itself."""
    log_like_the_site()
    logging.captureWarnings(True)
    if settings.LOG_FORMAT == "json":
        from celery.apps import worker  # noqa: PLC0415  the site imports this module too, and runs no worker

        instance.quiet = True  # no banner
        worker.safe_say = say_as_the_site  # type: ignore[attr-defined]  # left out of the stubs


def say_as_the_site(msg: str, f: object = None) -> None:
    """Write what Celery says to a terminal when it is told to stop as a line like all others."""
    logs.write_at_once(msg, logger=_program)


@before_task_publish.connect
def send_request_id(headers: dict[str, Any], **kwargs: Any) -> None:
    """Put the id of the request that calls for the task into its headers, unless the caller named one."""
    if not headers.get(REQUEST_ID):
        headers[REQUEST_ID] = current_context().request_id


@task_prerun.connect
def take_request_id(task_id: str, task: Any, **kwargs: Any) -> None:
    """Let the task's lines carry the id of the request that it goes back to; its own where there was none."""
    came_with = getattr(task.request, REQUEST_ID, None) or (task.request.headers or {}).get(REQUEST_ID)
    request_id = came_with or task_id
    _running[task_id] = request_context(RequestContext(request_id=request_id, address=None))
    _running[task_id].__enter__()


@task_postrun.connect
def drop_request_id(task_id: str, **kwargs: Any) -> None:
    """Carry it no further."""
    context = _running.pop(task_id, None)
    if context is not None:
        context.__exit__(None, None, None)
