"""People are split, not photographs, and a leak is refused."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.errors import FaceError
from faces.train.splits import Split, SplitLeak, require_no_leak, side_of, split_people

NAMES = [f"person {number}" for number in range(300)]
WHOLE = split_people(NAMES)


def test_two_thirds_are_learned_from_and_everybody_is_on_one_side() -> None:
    split = split_people(NAMES)
    assert set(split.train) | set(split.held_out) == set(NAMES)
    assert not set(split.train) & set(split.held_out)
    assert len(split.train) == pytest.approx(200, abs=25)


@settings(deadline=None, max_examples=30)
@given(st.sets(st.integers(0, 299), min_size=60))
def test_nobody_changes_sides_when_others_come_or_go(some: set[int]) -> None:
    part = split_people(NAMES[number] for number in some)
    assert {side_of(name) for name in part.train} == {"train"}
    assert set(part.train) <= set(WHOLE.train)
    assert set(part.held_out) <= set(WHOLE.held_out)


def test_too_few_people_are_refused() -> None:
    with pytest.raises(FaceError, match="too few"):
        split_people(["Ada", "Ben"])


def test_a_person_on_both_sides_is_refused() -> None:
    with pytest.raises(SplitLeak, match="Ben is among"):
        require_no_leak(Split(("Ada", "Ben"), ("Ben", "Cem")), {})


def test_one_photograph_under_two_names_is_refused(tmp_path: Path) -> None:
    files = {}
    for name, content in {"Ada": b"one", "Ben": b"two", "Cem": b"one"}.items():
        (tmp_path / name).mkdir()
        files[name] = [tmp_path / name / "1.jpg"]
        files[name][0].write_bytes(content)
    with pytest.raises(SplitLeak, match=r"Cem/1\.jpg is the same file as Ada/1\.jpg"):
        require_no_leak(Split(("Ada", "Ben"), ("Cem",)), files)
    require_no_leak(Split(("Ada", "Cem"), ("Ben",)), files)
