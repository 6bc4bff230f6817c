"""A picture with a box and a name around every face."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from faces.types import Box, RGBImage

_KNOWN = (46, 160, 67)
_UNKNOWN = (190, 190, 190)


def draw_faces(image: RGBImage, faces: Sequence[tuple[Box, str | None]]) -> Image.Image:
    """Draw boxes with names.

    Args:
        image: uint8 (height, width, 3), RGB, upright.
        faces: a box and the name to write over it; None draws a grey box without a name.

    Returns:
        A new picture; the array is left as it was.
    """
    picture = Image.fromarray(image)
    canvas = ImageDraw.Draw(picture)
    for box, name in faces:
        colour = _UNKNOWN if name is None else _KNOWN
        line_px = max(2, round(box.width / 30))
        canvas.rectangle((box.x, box.y, box.x + box.width, box.y + box.height), outline=colour, width=line_px)
        if name:
            _write(canvas, box, name, colour)
    return picture


def _write(canvas: ImageDraw.ImageDraw, box: Box, name: str, colour: tuple[int, int, int]) -> None:
    font = ImageFont.load_default(size=max(12, round(box.width / 4)))
    left, top, right, bottom = canvas.textbbox((0, 0), name, font=font)
    height, width = bottom - top, right - left
    # Above the box where there is room, else below it: a name must not hide another row's faces more than needed.
    y = box.y - height - 6 if box.y - height - 6 >= 0 else box.y + box.height + 2
    canvas.rectangle((box.x, y, box.x + width + 6, y + height + 6), fill=colour)
    canvas.text((box.x + 3 - left, y + 3 - top), name, fill=(255, 255, 255), font=font)
