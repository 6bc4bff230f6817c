"""The states of the queue are drawn twice, in the code and for developers: the drawings are the same."""

import re
from pathlib import Path

from attendance.models import WorkState
from attendance.models import queue as drawn

DOCS = Path(__file__).resolve().parents[3] / "docs" / "developer.md"


def arrows(text: str) -> list[str]:
    """Give the lines of a drawing, from QUEUED to CANCELLED."""
    found = re.search(r"^ +QUEUED -+claim.*?CANCELLED$", text, flags=re.DOTALL | re.MULTILINE)
    assert found is not None
    return [line.strip() for line in found.group().splitlines()]


def test_code_and_docs_draw_the_same_arrows() -> None:
    assert drawn.__doc__ is not None
    assert arrows(drawn.__doc__) == arrows(DOCS.read_text(encoding="utf-8"))


def test_the_arrows_name_every_state_and_no_other() -> None:
    named = set(re.findall(r"\b[A-Z]{4,}\b", "\n".join(arrows(drawn.__doc__ or ""))))
    assert named == set(WorkState.values)
