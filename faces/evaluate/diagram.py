"""The reliability diagram: the share of right suggestions by margin, with intervals and counts, as a picture."""

from collections.abc import Sequence
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

_SIZE: Final = (1160, 620)
_LEFT, _TOP, _RIGHT, _BOTTOM = 90, 56, 1140, 460
_INK: Final = (40, 40, 40)
_GRID: Final = (222, 222, 222)
_SERIES: Final = {"own": (0, 90, 170), "doubled": (200, 80, 0)}
"""Colours; own rosters are discs besides, and doubled ones squares."""
_ROWS: Final = {"own": _BOTTOM + 62, "doubled": _BOTTOM + 86}

Row = dict[str, Any]


def draw_reliability(bins: Sequence[Row]) -> Image.Image:
    """Draw the bins of a reliability report.

    Args:
        bins: as the report has them, those of one roster in the order of their margins; an empty one has no point.
    """
    picture = Image.new("RGB", _SIZE, "white")
    canvas = ImageDraw.Draw(picture)
    edges = sorted({row[end] for row in bins for end in ("from", "to")})
    step = (_RIGHT - _LEFT) / max(len(edges) - 1, 1)
    places = {edge: _LEFT + place * step for place, edge in enumerate(edges)}
    _frame(canvas, places)
    for roster, colour in _SERIES.items():
        rows = [row for row in bins if row["roster"] == roster]
        aside = -0.14 * step if roster == "own" else 0.14 * step
        for row in rows:
            middle = places[row["from"]] + step / 2
            _write(canvas, (middle, _ROWS[roster]), f"{row['right']}/{row['suggestions']}", colour, size=12)
            if row["suggestions"]:
                _point(canvas, middle + aside, row, colour)
    return picture


def _frame(canvas: ImageDraw.ImageDraw, places: dict[float, float]) -> None:
    for percent in range(0, 101, 20):
        y = _height(percent / 100)
        canvas.line((_LEFT, y, _RIGHT, y), fill=_GRID)
        _write(canvas, (_LEFT - 30, y), f"{percent} %", _INK)
    for edge, x in places.items():
        canvas.line((x, _BOTTOM, x, _BOTTOM + 6), fill=_INK)
        _write(canvas, (x, _BOTTOM + 18), f"{edge:g}", _INK)
    if 0.0 in places:
        canvas.line((places[0.0], _TOP, places[0.0], _BOTTOM), fill=_INK)
        _write(canvas, (places[0.0], _TOP - 14), "threshold", _INK)
    canvas.line((_LEFT, _BOTTOM, _RIGHT, _BOTTOM), fill=_INK)
    middle = (_LEFT + _RIGHT) / 2
    _write(canvas, (middle, _BOTTOM + 38), "margin: share of the way from the threshold to 1", _INK)
    _write(canvas, (middle, 18), "Suggestions that were right, with intervals of 95 % (Wilson)", _INK, size=17)
    for roster, (kind, x) in {"own": ("own roster", 400), "doubled": ("doubled roster", 680)}.items():
        y = _BOTTOM + 128
        _mark(canvas, x, y, roster)
        _write(canvas, (x + 70, y), kind, _SERIES[roster])


def _point(canvas: ImageDraw.ImageDraw, x: float, row: Row, colour: tuple[int, int, int]) -> None:
    low, high = _height(row["low"]), _height(row["high"])
    canvas.line((x, low, x, high), fill=colour, width=2)
    for end in (low, high):
        canvas.line((x - 5, end, x + 5, end), fill=colour, width=2)
    _mark(canvas, x, _height(row["share"]), row["roster"])


def _mark(canvas: ImageDraw.ImageDraw, x: float, y: float, roster: str) -> None:
    around = (x - 6, y - 6, x + 6, y + 6)
    if roster == "own":
        canvas.ellipse(around, fill=_SERIES[roster])
    else:
        canvas.rectangle(around, fill=_SERIES[roster])


def _write(
    canvas: ImageDraw.ImageDraw, at: tuple[float, float], text: str, colour: tuple[int, int, int], *, size: int = 14
) -> None:
    canvas.text(at, text, fill=colour, font=ImageFont.load_default(size=size), anchor="mm")


def _height(part: float) -> float:
    return _BOTTOM - part * (_BOTTOM - _TOP)
