"""What a district of 100,000 students needs, and what a school of it costs: computed, each assumption an option.

    python -m benchmarks.district [--students 100000] [--gpu-seconds-a-photo 0.15] ...

Change an assumption by its option; ``--help`` lists all with their values. Prices are placeholders in a currency of
your own: put in those of your provider.
"""

import argparse
import math
import sys
from dataclasses import dataclass, fields
from typing import Final

_HOUR: Final = 3600.0
_HOURS_A_MONTH: Final = 730.0


@dataclass(frozen=True, slots=True)
class District:
    """The assumptions.

    Attributes:
        students: of the district.
        students_a_school: on average.
        students_a_meeting: on a roster.
        meetings_a_day: of each student.
        school_days_a_month: on which photos are taken.
        school_days_a_year: the same.
        photos_a_meeting: one from each side of the room.
        peak_minutes: within which the first meetings of the day upload.
        patience_minutes: how long after that the last photo may take.
        cpu_seconds_a_photo: of one core (docs/recognition.md).
        gpu_seconds_a_photo: of one GPU worker; not measured here.
        upload_cpu_seconds: of the web server, to read and encode 12 megapixels anew.
        pages_a_meeting: that a teacher opens, polls included.
        page_cpu_seconds: of the web server and database together.
        login_cpu_seconds: of the password's hash.
        busy_share: how full a machine may be at the peak.
        photo_mb: stored, 12 megapixels.
        retention_days: of photos.
        bytes_a_mark: in the database, with its audit event and all indexes.
        years_kept: of marks.
        price_core_hour: of a virtual core with its memory.
        price_gpu_hour: of a small GPU machine.
        price_object_gb_month: of an S3-compatible store.
        price_database_gb_month: of the database's disk, replica included.
    """

    students: float = 100_000
    students_a_school: float = 1_000
    students_a_meeting: float = 28
    meetings_a_day: float = 5
    school_days_a_month: float = 21
    school_days_a_year: float = 190
    photos_a_meeting: float = 2
    peak_minutes: float = 10
    patience_minutes: float = 5
    cpu_seconds_a_photo: float = 1.2
    gpu_seconds_a_photo: float = 0.15
    upload_cpu_seconds: float = 0.25
    pages_a_meeting: float = 15
    page_cpu_seconds: float = 0.03
    login_cpu_seconds: float = 0.26
    busy_share: float = 0.7
    photo_mb: float = 4
    retention_days: float = 30
    bytes_a_mark: float = 600
    years_kept: float = 5
    price_core_hour: float = 0.04
    price_gpu_hour: float = 0.60
    price_object_gb_month: float = 0.023
    price_database_gb_month: float = 0.25


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    what: str
    value: float
    unit: str


def needs(of: District) -> list[Row]:
    """Compute what the district needs and costs."""
    meetings = of.students * of.meetings_a_day / of.students_a_meeting
    at_peak = of.students / of.students_a_meeting  # everybody's first meeting of the day
    peak_photos = at_peak * of.photos_a_meeting
    window = (of.peak_minutes + of.patience_minutes) * 60
    cpu_workers = _machines(peak_photos * of.cpu_seconds_a_photo, window, of.busy_share)
    gpu_workers = _machines(peak_photos * of.gpu_seconds_a_photo, window, of.busy_share)
    teacher = of.photos_a_meeting * of.upload_cpu_seconds + of.pages_a_meeting * of.page_cpu_seconds
    web_cores = _machines(at_peak * (teacher + of.login_cpu_seconds), of.peak_minutes * 60, of.busy_share)
    kept = of.retention_days * of.school_days_a_month / 30
    photos_gb = meetings * of.photos_a_meeting * kept * of.photo_mb / 1000
    marks_a_year = of.students * of.meetings_a_day * of.school_days_a_year
    database_gb = marks_a_year * of.years_kept * of.bytes_a_mark / 1e9
    schools = of.students / of.students_a_school
    shared = web_cores * of.price_core_hour * _HOURS_A_MONTH
    shared += photos_gb * of.price_object_gb_month + database_gb * of.price_database_gb_month
    on_cpu = shared + cpu_workers * of.price_core_hour * _HOURS_A_MONTH
    on_gpu = shared + gpu_workers * of.price_gpu_hour * _HOURS_A_MONTH
    return [
        Row("meetings a day", meetings, ""),
        Row("photos a day", meetings * of.photos_a_meeting, ""),
        Row("core-hours of recognition a day", meetings * of.photos_a_meeting * of.cpu_seconds_a_photo / _HOUR, "h"),
        Row("photos in the first minutes of the day", peak_photos, ""),
        Row("CPU workers, a core each", cpu_workers, "cores"),
        Row("or GPU workers (computed, not measured)", gpu_workers, "GPUs"),
        Row("web and database at the peak", web_cores, "cores"),
        Row("photos kept", photos_gb, "GB"),
        Row("marks a year", marks_a_year / 1e6, "million"),
        Row("database", database_gb, "GB"),
        Row("a month on CPU workers", on_cpu, "money"),
        Row("a month on GPU workers", on_gpu, "money"),
        Row("a school and month on CPU workers", on_cpu / schools, "money"),
        Row("a school and month on GPU workers", on_gpu / schools, "money"),
    ]


def _machines(seconds_of_work: float, window_seconds: float, busy_share: float) -> int:
    """How many must work side by side to be done in time."""
    return max(1, math.ceil(seconds_of_work / window_seconds / busy_share))


def main() -> int:
    """Print the assumptions and what follows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=District.__doc__
    )
    for one in fields(District):
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=float, default=one.default, metavar="N")
    district = District(**vars(parser.parse_args()))
    print("assumed")
    for one in fields(District):
        print(f"  {one.name.replace('_', ' '):<42}{getattr(district, one.name):>12,g}")
    print("needed")
    for row in needs(district):
        print(f"  {row.what:<42}{row.value:>12,.0f} {row.unit}" if row.value >= 100 else _small(row))
    return 0


def _small(row: Row) -> str:
    return f"  {row.what:<42}{row.value:>12,.1f} {row.unit}"


if __name__ == "__main__":
    sys.exit(main())
