import numpy as np
import pytest
from PIL import Image, ImageFilter

from faces import quality
from faces.errors import PoorQuality
from faces.quality import Quality
from faces.types import Box, Detection, Landmarks, RGBImage

FRONTAL = np.array([[70, 80], [130, 80], [100, 116], [78, 140], [122, 140]], dtype=np.float32)
GOOD = Quality(face_px=100, sharpness=0.1, brightness=120, yaw=0.0, pitch=0.6)


def found(landmarks: Landmarks = FRONTAL, box: Box | None = None) -> Detection:
    return Detection(Box(50, 40, 100, 120) if box is None else box, landmarks, 0.9)


def textured(brightness: float = 128, blur_px: float = 0) -> RGBImage:
    """Fine detail on a slope of light, as a face has both."""
    slope = np.linspace(-80, 80, 200)
    noise = np.random.default_rng(5).normal(brightness + slope, 12, (200, 200))
    picture = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    blurred = picture.filter(ImageFilter.GaussianBlur(blur_px)) if blur_px else picture
    return np.array(blurred.convert("RGB"))


def turned(degrees: float) -> Landmarks:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks: Landmarks = ((FRONTAL - 100) @ turn.T + 100).astype(np.float32)
    return landmarks


def test_a_frontal_face_is_measured_exactly() -> None:
    image = np.full((200, 200, 3), 90, dtype=np.uint8)
    assert quality.assess(image, found()) == Quality(face_px=100, sharpness=0.0, brightness=90.0, yaw=0.0, pitch=0.6)


def test_only_the_face_is_measured() -> None:
    image = np.zeros((200, 200, 3), dtype=np.uint8)
    image[40:160, 50:150] = 200
    assert quality.assess(image, found()).brightness == 200.0


@pytest.mark.parametrize("degrees", [-60, 15, 90, 180])
def test_a_tilted_head_is_not_turned_away(degrees: float) -> None:
    measured = quality.assess(textured(), found(turned(degrees)))
    assert measured.yaw == pytest.approx(0.0, abs=1e-5)
    assert measured.pitch == pytest.approx(0.6, abs=1e-5)


@pytest.mark.parametrize(("nose_x", "yaw"), [(130, 0.5), (70, -0.5), (112, 0.2)])
def test_yaw_is_the_way_of_the_nose_in_distances_of_the_eyes(nose_x: float, yaw: float) -> None:
    landmarks = FRONTAL.copy()
    landmarks[2, 0] = nose_x
    assert quality.assess(textured(), found(landmarks)).yaw == pytest.approx(yaw, abs=1e-6)


@pytest.mark.parametrize("blur_px", [2.0, 4.0])
def test_blur_lowers_sharpness_and_contrast_does_not(blur_px: float) -> None:
    sharp = quality.assess(textured(), found()).sharpness
    assert quality.assess(textured(blur_px=blur_px), found()).sharpness < sharp / 2
    pale = (textured().astype(np.float64) / 2 + 64).astype(np.uint8)
    assert quality.assess(pale, found()).sharpness == pytest.approx(sharp, rel=0.1)


@pytest.mark.parametrize("box", [Box(-30, -30, 60, 60), Box(180, 190, 90, 90), Box(300, 300, 20, 20)])
def test_boxes_over_the_edge_are_measured_where_they_lie_inside(box: Box) -> None:
    measured = quality.assess(textured(), found(box=box))
    assert measured.face_px == box.width
    assert np.isfinite([measured.sharpness, measured.brightness]).all()


def test_eyes_on_one_spot_count_as_turned() -> None:
    landmarks = FRONTAL.copy()
    landmarks[1] = landmarks[0]
    assert quality.refusal(quality.assess(textured(), found(landmarks))) == "turned"


@pytest.mark.parametrize(
    ("measure", "value", "code"),
    [
        ("face_px", 59.9, "small"),
        ("face_px", 60.0, None),
        ("brightness", 39.9, "dark"),
        ("brightness", 40.0, None),
        ("brightness", 225.0, None),
        ("brightness", 225.1, "bright"),
        ("yaw", 0.8, None),
        ("yaw", -0.81, "turned"),
        ("yaw", 0.81, "turned"),
        ("pitch", 0.29, "turned"),
        ("pitch", 0.3, None),
        ("pitch", 0.85, None),
        ("pitch", 0.86, "turned"),
        ("sharpness", 0.0099, "blurred"),
        ("sharpness", 0.01, None),
    ],
)
def test_each_measure_refuses_from_its_threshold_on(measure: str, value: float, code: str | None) -> None:
    measures = {name: getattr(GOOD, name) for name in ("face_px", "sharpness", "brightness", "yaw", "pitch")}
    assert quality.refusal(Quality(**{**measures, measure: value})) == code


@pytest.mark.parametrize(
    ("image", "detection", "code"),
    [
        (textured(), found(box=Box(80, 80, 40, 40)), "small"),
        (textured(brightness=20), found(), "dark"),
        (textured(brightness=254), found(), "bright"),
        (textured(blur_px=6), found(), "blurred"),
    ],
)
def test_a_refusal_has_its_code_and_says_what_to_do(image: RGBImage, detection: Detection, code: str) -> None:
    with pytest.raises(PoorQuality, match=": ") as refused:
        quality.check_selfie(image, detection)
    assert refused.value.code == code


def test_a_good_selfie_gives_its_measures() -> None:
    assert quality.check_selfie(textured(), found()).face_px == 100
