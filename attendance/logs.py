"""Log lines: for eyes or for machines, each with the id of its request, none with a secret or a person."""

import logging
import os
import re
from contextlib import suppress
from typing import Any, Final

from pythonjsonlogger.json import JsonFormatter

from attendance.context import current_context

ENROLMENT_TOKEN: Final = re.compile(r"/enrol/[^/\s?]+", re.IGNORECASE)
DETAIL: Final = re.compile(r"^DETAIL:.*?(?=\n\n(?:The above|During handling)|\Z)", re.MULTILINE | re.DOTALL)
"""With it PostgreSQL quotes the row that a constraint refused, over several lines if a value has some."""
STANDARD_ERROR: Final = 2
TEXT: Final = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"


class ContextFilter(logging.Filter):
    """Adds the request's id to each log line, and takes the secret out of one-time links."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, with its ``request_id`` and without a token that may still be used."""
        record.request_id = current_context().request_id
        sentence = record.getMessage()
        if ENROLMENT_TOKEN.search(sentence):
            record.msg, record.args = ENROLMENT_TOKEN.sub("/enrol/[token]", sentence), None
        return True


class Line(logging.Formatter):
    """One line for eyes; tracebacks below it."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  logging's own name
        """Format a traceback without the values that a database quotes."""
        return DETAIL.sub("DETAIL: [removed]", super().formatException(ei))


class JsonLine(JsonFormatter):
    """One JSON object a line, and nothing but the fields that are known to be harmless."""

    KNOWN: Final = frozenset({"method", "route", "view", "status", "milliseconds"})

    def __init__(self) -> None:
        super().__init__(
            ["asctime", "levelname", "name", "message", "request_id", "process"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Leave out what libraries attach to their lines, such as whole requests."""
        super().add_fields(log_data, record, message_dict)
        fixed = {"time", "level", "logger", "message", "request_id", "process", "exc_info", "stack_info"}
        for name in set(log_data) - fixed - self.KNOWN:
            del log_data[name]

    def formatException(self, ei: Any) -> str:  # noqa: N802  logging's own name
        """Format a traceback without the values that a database quotes."""
        return DETAIL.sub("DETAIL: [removed]", str(super().formatException(ei)))


def write_at_once(message: str, *, logger: logging.Logger) -> None:
    """Write a line for machines to the standard error, from a handler of signals.

    Nothing is locked: whoever the signal interrupted may hold the locks that logging takes.

    Args:
        message: what happened, at level INFO; nothing is written where the log is quieter.
        logger: in whose name.
    """
    if logger.getEffectiveLevel() > logging.INFO:
        return
    record = logging.makeLogRecord({"name": logger.name, "levelno": logging.INFO, "levelname": "INFO", "msg": message})
    ContextFilter().filter(record)
    with suppress(OSError):  # nobody reads any more
        os.write(STANDARD_ERROR, f"{JsonLine().format(record)}\n".encode())


def configuration(*, kind: str, level: str) -> dict[str, Any]:
    """Give what ``logging.config.dictConfig`` takes.

    Args:
        kind: ``text`` or ``json``.
        level: of everything that is not quieter by nature.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": ContextFilter}},
        "formatters": {"text": {"()": Line, "format": TEXT}, "json": {"()": JsonLine}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": kind, "filters": ["context"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
            # Four lines a login otherwise, with who and whence masked; a refused login is a warning.
            "axes": {"level": "ERROR" if level == "ERROR" else "WARNING"},
            # A line a request: for machines only, who watches a terminal sees enough without.
            "attendance.access": {"level": level if kind == "json" else "WARNING"},
        },
    }


def configuration_of_web_server(*, kind: str, level: str) -> dict[str, Any]:
    """Give the same for gunicorn, whose own line a request would hold paths, addresses and tokens: ours does not."""
    ours = configuration(kind=kind, level=level)
    ours["loggers"]["gunicorn.error"] = {"handlers": [], "propagate": True}
    ours["loggers"]["gunicorn.access"] = {"handlers": [], "propagate": False, "level": "CRITICAL"}
    return ours
