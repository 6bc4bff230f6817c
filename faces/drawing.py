"""A picture with a box around every face, and small names that leave the faces free."""

from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw, ImageFont

from faces.types import Box, RGBImage

_KNOWN = (46, 160, 67)
_UNKNOWN = (190, 190, 190)
_SMALLEST_TEXT_PX = 10
_LARGEST_TEXT_PX = 28
_MARGIN_PX = 2


def draw_faces(image: RGBImage, faces: Sequence[tuple[Box, str | None]]) -> Image.Image:
    """Draw boxes with names; a name stands where it hides the least of the faces.

    Args:
        image: uint8 (height, width, 3), RGB, upright.
        faces: a box and the name to write beside it; None draws a grey box without a name.

    Returns:
        A new picture; the array is left as it was.
    """
    picture = Image.fromarray(image)
    canvas = ImageDraw.Draw(picture)
    for box, name in faces:
        colour = _UNKNOWN if name is None else _KNOWN
        line_px = max(1, round(box.width / 40))
        canvas.rectangle((box.x, box.y, box.x + box.width, box.y + box.height), outline=colour, width=line_px)
    taken = [box for box, _ in faces]
    for box, name in faces:
        if name:
            taken.append(_write(canvas, picture.size, box, name, taken))
    return picture


def _write(canvas: ImageDraw.ImageDraw, size: tuple[int, int], box: Box, name: str, taken: Sequence[Box]) -> Box:
    """Write a name where it covers least of what is taken, and give the place that it took."""
    font = ImageFont.load_default(size=min(_LARGEST_TEXT_PX, max(_SMALLEST_TEXT_PX, round(box.width / 7))))
    left, top, right, bottom = canvas.textbbox((0, 0), name, font=font)
    width, height = right - left + 2 * _MARGIN_PX, bottom - top + 2 * _MARGIN_PX
    place = min(_places(box, width, height), key=lambda one: _hidden(one, size, taken))
    canvas.rectangle((place.x, place.y, place.x + width, place.y + height), fill=_KNOWN)
    canvas.text((place.x + _MARGIN_PX - left, place.y + _MARGIN_PX - top), name, fill=(255, 255, 255), font=font)
    return place


def _places(box: Box, width: float, height: float) -> Iterator[Box]:
    """Where a name may stand, the most wanted first: below, beside, above."""
    gap = 1.0
    yield Box(box.x, box.y + box.height + gap, width, height)
    for y in (box.y + box.height - height, box.y):
        yield Box(box.x + box.width + gap, y, width, height)
        yield Box(box.x - width - gap, y, width, height)
    yield Box(box.x, box.y - height - gap, width, height)


def _hidden(place: Box, size: tuple[int, int], taken: Sequence[Box]) -> float:
    """Square pixels of boxes and names under a name, and of the name outside of the picture."""
    inside = _shared(place, Box(0.0, 0.0, *size))
    return place.area - inside + sum(_shared(place, other) for other in taken)


def _shared(one: Box, other: Box) -> float:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(0.0, across) * max(0.0, down)
