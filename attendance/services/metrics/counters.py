"""What a web process counts while it answers; under gunicorn all of its processes add up (``gunicorn.conf.py``)."""

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from attendance.services import costs
from attendance.services.errors import ServiceError

P = ParamSpec("P")


class _Outcome(Protocol):
    @property
    def created(self) -> bool: ...


R = TypeVar("R", bound=_Outcome)

REGISTRY: Final = CollectorRegistry()
REQUESTS: Final = Histogram(
    "rollcall_http_request_seconds",
    "Time to answer, by view and class of status; no address, no person.",
    ["view", "status"],
    buckets=(0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10),
    registry=REGISTRY,
)
UPLOADS: Final = Counter(
    "rollcall_uploads",
    "Class photos that came in: accepted, known (the session had it already), or the code of the refusal.",
    ["outcome"],
    registry=REGISTRY,
)
MEMORY: Final = Gauge(
    "rollcall_web_memory_bytes",
    "Resident memory of the largest web process.",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)


def count_request(*, view: str, status: int, seconds: float) -> None:
    """Count an answered request."""
    REQUESTS.labels(view=view, status=f"{status // 100}xx").observe(seconds)
    MEMORY.set(costs.resident_bytes())


def counted_upload(add: Callable[P, R]) -> Callable[P, R]:
    """Count by outcome what a function takes in or refuses."""

    @wraps(add)
    def counted(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            added = add(*args, **kwargs)
        except ServiceError as refusal:
            UPLOADS.labels(outcome=refusal.code).inc()
            raise
        UPLOADS.labels(outcome="accepted" if added.created else "known").inc()
        return added

    return counted
