"""Whether a selfie is good enough to be compared with for a term."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from faces.errors import PoorQuality
from faces.images import grey, resized
from faces.types import Box, Detection, Landmarks, RGBImage

# Over 240 press pictures of faces 72 to 130 pixels wide: sharpness is 0.017 to 0.4, brightness 66 to 181, yaw within
# 0.35 but for one near profile at 0.72, pitch 0.46 to 0.66. That near profile still finds its owner in a class photo
# (similarity 0.49), so only what is turned farther is refused.
MIN_FACE_PX: Final = 60.0
MIN_SHARPNESS: Final = 0.01
"""Refuses 87 % of those pictures blurred by 1/40 of the face's width (standard deviation), all at 1/27."""
MIN_BRIGHTNESS: Final = 40.0
MAX_BRIGHTNESS: Final = 225.0
MAX_YAW: Final = 0.8
MIN_PITCH: Final = 0.3
MAX_PITCH: Final = 0.85

_SHARPNESS_PX: Final = 80


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of one face.

    Attributes:
        face_px: width of its box, pixels.
        sharpness: mean square of the Laplacian over the variance of the brightness, of the box at 80 pixels; a blurred
            face is near 0, and light or contrast do not change it.
        brightness: mean luma of the box, range [0, 255].
        yaw: how far the nose lies beside the middle of the eyes, in distances of the eyes; 0 is frontal, the sign says
            to which side.
        pitch: where the nose tip lies between the line of the eyes (0) and that of the mouth (1); about 0.6 is frontal.
    """

    face_px: float
    sharpness: float
    brightness: float
    yaw: float
    pitch: float


def assess(image: RGBImage, detection: Detection) -> Quality:
    """Measure a face.

    Args:
        image: uint8 (height, width, 3), RGB, the picture it was found in.
        detection: of that picture.
    """
    crop = _inside(image, detection.box)
    yaw, pitch = _turn(detection.landmarks)
    return Quality(
        face_px=detection.box.width,
        sharpness=_sharpness(crop),
        brightness=float(grey(crop).mean()),
        yaw=yaw,
        pitch=pitch,
    )


def check_selfie(image: RGBImage, detection: Detection) -> Quality:
    """Measure a selfie's face and refuse what would recognise badly.

    Returns:
        The measures of an accepted face.

    Raises:
        PoorQuality: with the first reason and what to do about it.
    """
    quality = assess(image, detection)
    code = refusal(quality)
    if code is not None:
        raise PoorQuality(code, _SENTENCES[code])
    return quality


def refusal(quality: Quality) -> str | None:
    """Give the code of the first measure that is out of its range, None where none is."""
    checks = (
        ("small", quality.face_px < MIN_FACE_PX),
        ("dark", quality.brightness < MIN_BRIGHTNESS),
        ("bright", quality.brightness > MAX_BRIGHTNESS),
        ("turned", abs(quality.yaw) > MAX_YAW or not MIN_PITCH <= quality.pitch <= MAX_PITCH),
        ("blurred", quality.sharpness < MIN_SHARPNESS),
    )
    return next((code for code, fails in checks if fails), None)


_SENTENCES: Final = {
    "small": "The face in this selfie is too small: come closer to the camera.",
    "dark": "This selfie is too dark: face a window or a lamp.",
    "bright": "This selfie is too bright: step out of the direct light.",
    "turned": "The face in this selfie is turned away: look straight into the camera.",
    "blurred": "This selfie is blurred: hold the camera still and wipe its lens.",
}


def _inside(image: RGBImage, box: Box) -> RGBImage:
    """Cut the part of a box that lies in the picture; at least one pixel."""
    height, width = image.shape[:2]
    left, top = (int(np.clip(value, 0, limit - 1)) for value, limit in ((box.x, width), (box.y, height)))
    right, bottom = int(np.ceil(box.x + box.width)), int(np.ceil(box.y + box.height))
    return image[top : max(top + 1, bottom), left : max(left + 1, right)]


def _sharpness(crop: RGBImage) -> float:
    values = grey(resized(crop, scale=_SHARPNESS_PX / crop.shape[1])).astype(np.float64)
    if min(values.shape) < 3 or values.var() == 0.0:
        return 0.0
    middle = values[1:-1, 1:-1]
    laplacian = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:] - 4 * middle
    return float(np.mean(laplacian**2) / values.var())


def _turn(landmarks: Landmarks) -> tuple[float, float]:
    """Yaw and pitch in the frame of the eyes, so that a tilted head counts as upright."""
    right_eye, left_eye, nose, right_mouth, left_mouth = landmarks.astype(np.float64)
    across = left_eye - right_eye
    distance = float(np.hypot(*across))
    if distance == 0.0:
        return float("inf"), 0.0
    across /= distance
    down = np.array([-across[1], across[0]])
    middle = (right_eye + left_eye) / 2
    mouth_down = float(((right_mouth + left_mouth) / 2 - middle) @ down)
    yaw = float((nose - middle) @ across) / distance
    return yaw, float((nose - middle) @ down) / mouth_down if mouth_down else float("inf")
