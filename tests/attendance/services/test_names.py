"""Text that people type or paste."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attendance.services.names import clean_text


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Ada \t Lovelace\r\n", "Ada Lovelace"),
        ("Jose\u0301", "José"),
        ("A\x00d\x07a", "Ada"),
        ("李\u3000小龙", "李 小龙"),
        ("O'Neil-D\u2019Arcy", "O'Neil-D\u2019Arcy"),
        ("\ud800Ada", "Ada"),
        ("", ""),
    ],
)
def test_text_is_stored_in_one_form(typed: str, stored: str) -> None:
    assert clean_text(typed) == stored


@given(st.text())
@example("e\x00\u0301")
def test_cleaning_twice_changes_nothing_more_and_leaves_no_control_character(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once
    assert once == once.strip()
    assert not any(ord(character) < 32 for character in once)
