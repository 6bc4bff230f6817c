import io
import struct
import subprocess
import sys
import zlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from faces import images
from faces.errors import FaceError, ImageTooLarge, UnreadableImage, UnsupportedImage

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
# An HEIC file of 64 x 48 pixels, left half red and right half blue.
HEIC = Path(__file__).with_name("two_halves.heic")


def picture(width: int = 40, height: int = 30) -> Image.Image:
    """Red, green, blue and white quarters, so that every turn can be told from every other."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, WHITE
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def corners(image: np.ndarray) -> list[tuple[int, ...]]:
    height, width = image.shape[:2]
    places = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)]
    return [tuple(int(value) for value in image[place]) for place in places]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_that_declares(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def animated(kind: str) -> bytes:
    return encoded(picture(), kind, save_all=True, append_images=[picture().rotate(90)], duration=100)


@pytest.mark.parametrize("kind", ["PNG", "WebP"])
def test_lossless_pictures_come_back_as_they_are(kind: str) -> None:
    image = images.decode(encoded(picture(), kind, lossless=True))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.asarray(picture()))


def test_jpeg_is_read_as_rgb() -> None:
    image = images.decode(encoded(picture(), "JPEG", quality=95, subsampling=0))
    assert np.abs(image.astype(int) - np.asarray(picture())).mean() < 8


def test_heic_is_read() -> None:
    image = images.decode(HEIC.read_bytes())
    assert image.shape == (48, 64, 3)
    assert np.abs(image[24, 8].astype(int) - RED).max() < 30
    assert np.abs(image[24, 56].astype(int) - BLUE).max() < 30


@pytest.mark.parametrize("cut", [40, 200, 400])
def test_broken_heic_is_not_readable(cut: int) -> None:
    with pytest.raises(UnreadableImage):
        images.decode(HEIC.read_bytes()[:cut])


def test_multi_picture_jpeg_of_a_phone_is_read_as_its_first_picture() -> None:
    data = encoded(picture(), "MPO", save_all=True, append_images=[picture(20, 10)])
    assert images.decode(data).shape == (30, 40, 3)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (4, [BLUE, WHITE, RED, GREEN]),
        (5, [RED, BLUE, GREEN, WHITE]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (7, [WHITE, GREEN, BLUE, RED]),
        (8, [GREEN, WHITE, RED, BLUE]),
    ],
)
def test_every_orientation_of_exif_becomes_upright(orientation: int, expected: list[tuple[int, ...]]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = images.decode(encoded(picture(), "PNG", exif=exif))
    assert corners(image) == expected
    assert image.shape == ((40, 30, 3) if orientation > 4 else (30, 40, 3))


@pytest.mark.parametrize("orientation", [0, 9, 200])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert corners(images.decode(encoded(picture(), "PNG", exif=exif))) == [RED, GREEN, BLUE, WHITE]


def test_cmyk_becomes_rgb() -> None:
    image = images.decode(encoded(picture().convert("CMYK"), "JPEG", quality=95, subsampling=0))
    assert np.abs(image[0, 0].astype(int) - RED).max() < 40
    assert np.abs(image[-1, -1].astype(int) - WHITE).max() < 40


def test_sixteen_bits_of_grey_are_scaled_not_cut() -> None:
    ramp = np.array([[0, 0x4000, 0x8000, 0xFFFF]], dtype=np.uint16)
    image = images.decode(encoded(Image.fromarray(ramp), "PNG"))
    assert image[0].tolist() == [[0] * 3, [64] * 3, [128] * 3, [255] * 3]


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_few_colours_become_rgb(mode: str) -> None:
    image = images.decode(encoded(picture().convert(mode)))
    assert image.shape == (30, 40, 3)
    assert tuple(image[-1, -1]) == WHITE


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_are_white(mode: str) -> None:
    clear = Image.new("RGBA", (8, 8), (200, 0, 0, 0)).convert("LA" if mode == "LA" else "RGBA")
    data = encoded(clear.quantize() if mode == "PA" else clear)
    assert images.decode(data).min() == 255


@pytest.mark.parametrize("tail", [b"<html><script>alert(1)</script></html>", b"PK\x03\x04 a zip"])
def test_what_lies_behind_a_jpeg_is_ignored(tail: bytes) -> None:
    data = encoded(picture(), "JPEG")
    np.testing.assert_array_equal(images.decode(data + tail), images.decode(data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"this is text, named .jpg",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"<html><body>no picture</body></html>",
        encoded(picture(400, 300), "JPEG")[:-600],
        encoded(Image.effect_noise((64, 64), 90))[:-1500],
        encoded(picture(), "WebP")[:-20],
        encoded(picture(), "PNG")[:30],
    ],
)
def test_junk_and_cut_files_are_not_readable(data: bytes) -> None:
    with pytest.raises(UnreadableImage, match="not a readable photo"):
        images.decode(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn --><svg/>", "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (encoded(picture().convert("P"), "GIF"), "GIF"),
        (encoded(picture(), "TIFF"), "TIFF"),
        (b"\x00\x00\x00\x18ftypmp42", "Videos"),
        (animated("WebP"), "Animations"),
        (animated("PNG"), "Animations"),
    ],
)
def test_other_kinds_are_named_with_the_accepted_ones(data: bytes, what: str) -> None:
    with pytest.raises(UnsupportedImage, match=rf"{what}.*JPEG, PNG, WebP and HEIC"):
        images.decode(data)


def test_a_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(ImageTooLarge, match="50000 x 50000"):
        images.decode(png_that_declares(50_000, 50_000))


def test_the_limit_itself_is_allowed() -> None:
    data = encoded(picture(40, 30))
    assert images.decode(data, max_pixels=1200).shape == (30, 40, 3)
    with pytest.raises(ImageTooLarge):
        images.decode(data, max_pixels=1199)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\0\0\0\x18ftypheic"]))
def test_no_bytes_raise_anything_else(data: bytes, start: bytes) -> None:
    with pytest.raises(FaceError):
        images.decode(start + data)
    assert images.taken_at(start + data) is None


def with_time(original: str, offset: str | None = None) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[36867] = original
    if offset is not None:
        exif.get_ifd(0x8769)[36881] = offset
    return encoded(picture(), "JPEG", exif=exif)


def test_a_time_without_offset_is_naive() -> None:
    assert images.taken_at(with_time("2026:03:09 10:15:30")) == datetime(2026, 3, 9, 10, 15, 30)  # noqa: DTZ001


def test_a_time_with_offset_is_aware() -> None:
    expected = datetime(2026, 3, 9, 10, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert images.taken_at(with_time("2026:03:09 10:15:30", "+05:30")) == expected
    assert images.taken_at(with_time("2026:03:09 04:45:30", "Z")) == expected.astimezone(UTC)


def test_an_offset_that_makes_no_sense_is_left_out() -> None:
    assert images.taken_at(with_time("2026:03:09 10:15:30", "   :  ")) == datetime(2026, 3, 9, 10, 15, 30)  # noqa: DTZ001


@pytest.mark.parametrize("original", ["", "    :  :     :  :  ", "0000:00:00 00:00:00", "2026:13:45 99:00:00", "soon"])
def test_a_time_that_makes_no_sense_is_none(original: str) -> None:
    assert images.taken_at(with_time(original)) is None


def test_no_exif_no_time() -> None:
    assert images.taken_at(encoded(picture(), "JPEG")) is None
    assert images.taken_at(b"") is None
    assert images.taken_at(b"%PDF-1.7") is None


def hostile_metadata(orientation: int) -> bytes:
    """A JPEG with everything that says where, with what and by whom it was taken."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Camera of Nora"
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    out = io.BytesIO()
    picture().save(
        out,
        "JPEG",
        exif=exif,
        icc_profile=profile,
        comment=b"of Nora",
        xmp=b"<x:xmpmeta>Nora</x:xmpmeta>",
        dpi=(300, 300),
    )
    return out.getvalue()


@pytest.mark.parametrize("orientation", [1, 6])
def test_photos_encoded_anew_carry_no_metadata_and_full_colour(orientation: int) -> None:
    data = hostile_metadata(orientation)
    assert data.count(b"Nora") == 3
    encoded_anew = images.encode_anew(data + b"<script>of Nora</script>")
    assert b"Nora" not in encoded_anew.jpeg
    with Image.open(io.BytesIO(encoded_anew.jpeg)) as written:
        assert written.format == "JPEG"
        assert not written.getexif()
        assert set(written.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert (written.width, written.height) == (encoded_anew.width, encoded_anew.height)
        assert [layer[1:3] for layer in getattr(written, "layer")] == [(1, 1)] * 3  # noqa: B009 - untyped attribute


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_photos_encoded_anew_show_what_decode_gives(orientation: int) -> None:
    data = hostile_metadata(orientation)
    before, after = images.decode(data), images.decode(images.encode_anew(data, quality=95).jpeg)
    assert before.shape == after.shape
    assert np.abs(before.astype(int) - after).mean() < 4


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"\xff\xd8\xff" + b"0" * 100])
def test_what_cannot_be_read_is_not_encoded_anew(data: bytes) -> None:
    with pytest.raises((UnreadableImage, UnsupportedImage)):
        images.encode_anew(data)


def test_load_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    picture().save(path)
    np.testing.assert_array_equal(images.load(path), np.asarray(picture()))


def test_load_of_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=r"none\.jpg"):
        images.load(tmp_path / "none.jpg")


@pytest.mark.parametrize(("scale", "shape"), [(2.0, (60, 80, 3)), (0.5, (15, 20, 3)), (0.001, (1, 1, 3))])
def test_resized_has_the_scaled_sides(scale: float, shape: tuple[int, ...]) -> None:
    assert images.resized(np.asarray(picture()), scale=scale).shape == shape


def test_grey_is_luma() -> None:
    assert images.grey(np.asarray(picture()))[0, 0] == 76
    assert images.grey(np.asarray(picture()))[-1, -1] == 255


def test_the_web_process_loads_no_network_with_it() -> None:
    heavy = "{'tensorflow', 'keras', 'cv2', 'onnx', 'deepface'}"
    code = f"import sys, faces.images, faces.weights, faces.models; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
