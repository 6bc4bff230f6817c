"""What Prometheus reads: what the web processes counted, and what the database says about queue and workers."""

import os

from prometheus_client import CollectorRegistry, generate_latest, multiprocess

from attendance.services.metrics import counters
from attendance.services.metrics.database import DatabaseCollector

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def exposition() -> bytes:
    """Give everything in Prometheus' text format; in time, even while the database is frozen."""
    registry = CollectorRegistry()
    if MULTIPROCESS_FOLDER in os.environ:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types
    else:
        registry.register(counters.REGISTRY)
    registry.register(DatabaseCollector())
    return generate_latest(registry)
