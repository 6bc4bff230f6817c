"""What a district needs, counted by hand for round numbers."""

import pytest

from benchmarks.district import District, needs

ROUND = District(
    students=2800,
    students_a_school=700,
    students_a_meeting=28,
    meetings_a_day=5,
    photos_a_meeting=2,
    peak_minutes=10,
    patience_minutes=0,
    cpu_seconds_a_photo=3,
    busy_share=0.5,
    retention_days=30,
    school_days_a_month=20,
    photo_mb=5,
)


def value(what: str, of: District = ROUND) -> float:
    return next(row.value for row in needs(of) if row.what == what)


def test_load_of_a_day() -> None:
    assert value("meetings a day") == 500
    assert value("photos a day") == 1000
    assert value("core-hours of recognition a day") == pytest.approx(3000 / 3600)


def test_peak_decides_how_many_workers() -> None:
    assert value("photos in the first minutes of the day") == 200
    assert value("CPU workers, a core each") == 2  # 600 s of work in 600 s, half busy


def test_storage_is_what_retention_keeps() -> None:
    assert value("photos kept") == 1000 * 20 * 5 / 1000


def test_cost_of_a_school_is_its_share() -> None:
    assert value("a school and month on CPU workers") == pytest.approx(value("a month on CPU workers") / 4)
