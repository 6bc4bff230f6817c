"""Signs of life of workers and sweepers, and the last retention and backup, kept where the health page finds them."""

import datetime as dt
import socket
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from attendance.models import Heartbeat

WORKER = "worker"
SWEEPER = "sweeper"
RETENTION = "retention"
BACKUP = "backup"
READY = "ready"
LOADING = "loading"
"""What a worker says of its engine, beside the sentence of whatever keeps it from recognising."""
_names: dict[str, str] = {}


def introduce(kind: str, name: str) -> None:
    """Say under which name this process beats; a worker's children inherit it."""
    _names[kind] = name


def beat(kind: str, *, detail: dict[str, Any] | None = None) -> None:
    """Leave a sign of life.

    Args:
        kind: ``WORKER``, ``SWEEPER``, ``RETENTION`` or ``BACKUP``.
        detail: what is to be known about it; None keeps what was said before.
    """
    name = _names.get(kind, f"{kind}@{socket.gethostname()}")
    fields: dict[str, Any] = {"kind": kind, "at": Now()}
    if detail is not None:
        fields["detail"] = detail
    Heartbeat.objects.update_or_create(name=name, defaults=fields)


def of_engine(state: str) -> dict[str, str]:
    """Give what a worker says of its engine: ``READY``, ``LOADING``, or why it cannot recognise."""
    return {"engine": state}


def said_of_engine(beats: Iterable[Heartbeat]) -> set[str]:
    """Give what workers said of their engines; one whose models are still being loaded says nothing yet."""
    return {str(beat.detail["engine"]) for beat in beats if beat.detail.get("engine", LOADING) != LOADING}


def alive(kind: str, *, within_seconds: float) -> QuerySet[Heartbeat]:
    """Give those of this kind who were heard lately."""
    return Heartbeat.objects.filter(kind=kind, at__gte=Now() - dt.timedelta(seconds=within_seconds))
