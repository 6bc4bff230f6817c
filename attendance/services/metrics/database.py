"""Queue, work and signs of life as the database holds them, asked at each scrape.

Workers on other machines have no web server to be scraped, and photos may be deleted: so these are not counters but
what was the case in the last quarter of an hour, which any web process can tell for all workers.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from django.db import DatabaseError
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from attendance.services import bounded, disk, health
from attendance.services.metrics import lately, standing

SECONDS: Final = 5.0
READERS: Final = (standing.queue, standing.signs_of_life, lately.work, lately.stages, lately.faces, lately.marks)


class DatabaseCollector(Collector):
    """Asks the database when it is scraped."""

    def collect(self) -> Iterable[Metric]:
        """Give every family; those of a database that does not answer are missing."""
        yield from _readiness()
        try:
            families = bounded.ask(_read, seconds=SECONDS)
        except DatabaseError:
            families = None
        up = GaugeMetricFamily("rollcall_database_up", "Whether the database answered this scrape.")
        up.add_metric([], 0 if families is None else 1)
        yield up
        yield from families or []


def _read() -> list[Metric]:
    return [family for reader in READERS for family in reader()]


def _readiness() -> Iterator[Metric]:
    ready = GaugeMetricFamily(
        "rollcall_ready", "What /health/ready says of each check: 1 good, 0 missing.", labels=["check"]
    )
    for name, holds in health.readiness().items():
        ready.add_metric([name], float(holds))
    yield ready
    free = GaugeMetricFamily(
        "rollcall_disk_free_bytes", "Free space of the fullest disk that this web process writes to."
    )
    try:
        free_mb = bounded.ask(disk.fullest_free_mb, seconds=SECONDS)
    except OSError:
        return
    if free_mb is None:
        return  # a disk that hangs is not a full one
    free.add_metric([], free_mb * 1_000_000)
    yield free
