"""Reads pictures that strangers send, and writes JPEG.

The kind of a file is told by its first bytes and only its own reader is asked, so no other reader of Pillow ever sees
hostile bytes, and the limit on pixels is ours: Pillow's is one setting for the whole process.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pi_heif import HeifImageFile
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from faces.errors import ImageTooLarge, UnreadableImage, UnsupportedImage
from faces.types import RGBImage

DEFAULT_MAX_PIXELS: Final = 80_000_000

_NOT_READABLE: Final = "This is not a readable photo."
_ACCEPTED: Final = "JPEG, PNG, WebP and HEIC photos are accepted."

_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

# A camera's multi-picture JPEG (MPO) is read as the JPEG that it starts with.
_READERS: Final[dict[str, Callable[[io.BytesIO], Image.Image]]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
    "HEIC": HeifImageFile,
}

_OTHERS: Final = (
    (b"GIF87a", "GIF pictures"),
    (b"GIF89a", "GIF pictures"),
    (b"%PDF-", "PDF files"),
    (b"II*\x00", "TIFF pictures"),
    (b"MM\x00*", "TIFF pictures"),
    (b"8BPS", "Photoshop files"),
)

# What the readers raise on broken bytes; libheif's errors arrive as RuntimeError and ValueError.
_READER_ERRORS: Final = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, RuntimeError, OverflowError,
    MemoryError, struct.error,
)  # fmt: skip

_ORIENTATION: Final = 0x0112
_EXIF_IFD: Final = 0x8769
_DATE_TIME_ORIGINAL: Final = 36867
_OFFSET_TIME_ORIGINAL: Final = 36881

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A photo that was read and written anew.

    Attributes:
        jpeg: the file, upright, without metadata.
        width: pixels.
        height: pixels.
    """

    jpeg: bytes
    width: int
    height: int


def decode(data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> RGBImage:
    """Read a photo, upright.

    Args:
        data: a JPEG, PNG, WebP or HEIC file; what lies behind its end is ignored.
        max_pixels: width times height that the header may declare.

    Returns:
        uint8 (height, width, 3), RGB; transparent parts on white.

    Raises:
        UnsupportedImage: another kind of file, or an animation.
        ImageTooLarge: by its header; nothing was decoded.
        UnreadableImage: empty, truncated, damaged, or no picture.
    """
    return np.array(_read(data, max_pixels=max_pixels))


def taken_at(data: bytes) -> datetime | None:
    """Say when the camera took a photo.

    Args:
        data: a file that ``decode`` accepts; for anything else the answer is None.

    Returns:
        EXIF DateTimeOriginal: aware where the camera wrote its offset from UTC, else naive; None where there
        is none that can be read.
    """
    try:
        exif = _open(data).getexif().get_ifd(_EXIF_IFD)
        day, _, clock = str(exif[_DATE_TIME_ORIGINAL]).strip(" \x00").partition(" ")
        moment = f"{day.replace(':', '-')}T{clock}"
        offset = str(exif.get(_OFFSET_TIME_ORIGINAL, "")).strip(" \x00")
    except (*_READER_ERRORS, UnsupportedImage, UnreadableImage):
        return None
    return _moment(moment + offset) or _moment(moment)


def encode_anew(data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS, quality: int = 92) -> Encoded:
    """Read a photo and write it as a JPEG, upright, without EXIF or any other metadata.

    Args:
        data: what ``decode`` accepts.
        max_pixels: width times height that the header may declare.
        quality: of JPEG, range [1, 95].

    Raises:
        UnsupportedImage, ImageTooLarge, UnreadableImage: as ``decode`` does.
    """
    # From Pillow's own memory: an array in between is two copies of the picture, and takes as long as writing it.
    picture = _read(data, max_pixels=max_pixels)
    picture.info.clear()  # Pillow writes some of what it read there into the next file
    out = io.BytesIO()
    # 4:4:4: a face in the last row is some 22 pixels wide, and the recogniser reads its colours; half as many samples
    # of colour would be all that is left of it when the stored photo is read again.
    picture.save(out, "JPEG", quality=quality, subsampling="4:4:4")
    return Encoded(jpeg=out.getvalue(), width=picture.width, height=picture.height)


def load(path: Path) -> RGBImage:
    """Read a photo from a file; see ``decode``.

    Raises:
        UnreadableImage: also where there is no such file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"{path} cannot be read: {error.strerror}.") from error
    return decode(data)


def resized(image: RGBImage, *, scale: float) -> RGBImage:
    """Shrink or enlarge a picture.

    Args:
        image: uint8 (height, width, 3), RGB.
        scale: factor on both sides, greater than zero; no side falls under one pixel.
    """
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (width, height):
        return image
    # Pillow averages over the area that it shrinks, so that small faces do not alias; by whole factors first (the gap),
    # which takes a quarter of the time.
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0))


def grey(image: RGBImage) -> NDArray[np.uint8]:
    """Give the brightness (ITU-R 601 luma), uint8 (height, width)."""
    return np.array(Image.fromarray(image).convert("L"))


def _read(data: bytes, *, max_pixels: int) -> Image.Image:
    """Read a photo, upright, in RGB; see ``decode``."""
    try:
        picture = _open(data)
        if picture.width * picture.height > max_pixels:
            raise ImageTooLarge(
                f"This photo has {picture.width} x {picture.height} pixels; "
                f"{max_pixels / 1_000_000:g} million are the limit."
            )
        if _is_animated(picture):
            raise UnsupportedImage(f"Animations are not accepted. {_ACCEPTED}")
        picture.load()
        turn = _UPRIGHT.get(_orientation(picture))
        rgb = _to_rgb(picture)
        return rgb if turn is None else rgb.transpose(turn)
    except _READER_ERRORS as error:
        raise UnreadableImage(_NOT_READABLE) from error


def _open(data: bytes) -> Image.Image:
    kind = _kind(data)
    if kind is None:
        other = _other_kind(data)
        if other is not None:
            raise UnsupportedImage(f"{other} are not accepted. {_ACCEPTED}")
        raise UnreadableImage(_NOT_READABLE)
    return _READERS[kind](io.BytesIO(data))


def _kind(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "HEIC"
    return None


def _other_kind(data: bytes) -> str | None:
    """Name a file of a kind that people do send by mistake."""
    for start, name in _OTHERS:
        if data.startswith(start):
            return name
    if data[4:8] == b"ftyp":
        return "AVIF pictures" if data[8:12] in (b"avif", b"avis") else "Videos"
    head = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!")) and b"<svg" in head):
        return "SVG drawings"
    return None


def _is_animated(picture: Image.Image) -> bool:
    """Further pictures of a HEIC file are a burst or a thumbnail; the one that opens is the photo."""
    return isinstance(picture, PngImageFile | WebPImageFile) and picture.is_animated


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except _READER_ERRORS:
        return 1


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):
        # 16 bits of grey: Pillow's own conversion cuts off at 255 instead of scaling.
        values = np.array(picture).astype(np.uint32) >> 8
        return Image.fromarray(values.astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        # A mask of one byte a pixel instead of three more copies of the picture, four bytes a pixel each.
        white = Image.new("RGB", picture.size, "white")
        opaque = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        white.paste(opaque, mask=opaque.getchannel("A"))
        return white
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
