"""Where a change comes from: set at the edge (request, task), read by the audit log and the log lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Where a change came from.

    Attributes:
        request_id: one id from request to task to log line.
        address: the client's address, or None outside a request.
    """

    request_id: str
    address: str | None


_NOWHERE: Final = RequestContext(request_id="", address=None)
_current: ContextVar[RequestContext] = ContextVar("request_context", default=_NOWHERE)


def current_context() -> RequestContext:
    """Give the running request's or task's context, or an empty one."""
    return _current.get()


def current_request_id() -> str:
    """Give the id that goes from request to task to log line, or an empty one."""
    return _current.get().request_id


@contextmanager
def request_context(context: RequestContext) -> Iterator[None]:
    """Let everything inside see this context."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
