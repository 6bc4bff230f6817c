"""What to do around a detector: at which scales to look, and how to merge what they find."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from faces import tiles
from faces.images import resized
from faces.tiles import mapped
from faces.types import Box, Detection, Detector, Landmarks, RGBImage

MIN_FACE_PX: Final = 8.0
"""Smaller boxes are dropped: most of them are no faces."""

MERGE_IOU: Final = 0.4
SURE_SCORE: Final = 0.6
"""A face is believed from here on; what a detector reports below is looked at more closely first."""

# Sides of photos, and the scales at which they are looked at with the score that each look asks for: an enlarged
# picture shows more faces, and more that are none. 150 hand-boxed photos of 400 pixels, found and unmatched boxes a
# photo: scales 2 and 3 at 0.6 89.7 % and 0.87; with scale 1 at 0.7, 2 at 0.55 and 3 at 0.65 90.5 % and 0.91.
_SCALES_BELOW_PX: Final = (
    (700, ((1.0, 0.7), (2.0, 0.55), (3.0, 0.65))),
    (1300, ((1.0, SURE_SCORE), (2.0, SURE_SCORE))),
)
# Larger photos are looked at in half their size first, which takes a quarter of the time. Full resolution is for those
# with far faces: where one of less than this is seen in the half, there may be smaller ones that are not.
_COARSE_SCALE: Final = 0.5
_FAR_FACE_PX: Final = 32
_CHECK_TILE_PX: Final = 224
# YuNet misses faces of more than some 350 pixels and sees faces in parts of them, so one look is at a small picture,
# for large faces only: smaller ones are seen better by the other looks.
_OVERVIEW_PX: Final = 480
_OVERVIEW_FACE_PX: Final = 80
_PART_INSIDE: Final = 0.8
_PART_AREA: Final = 0.7
_PART_SCORE: Final = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A face that several looks at one picture agree on.

    Attributes:
        detection: box and landmarks averaged over the looks, weighted by score; the best score of them.
        votes: how many looks found it.
    """

    detection: Detection
    votes: int

    @property
    def rank(self) -> float:
        """Votes x score squared x root of the area: a false box is large or sure of itself, but seldom seen twice."""
        return float(self.votes * self.detection.score**2 * self.detection.box.area**0.5)


def find_all(detector: Detector, image: RGBImage) -> list[Detection]:
    """Find every face of a photo, best score first.

    Args:
        detector: asked several times.
        image: uint8 (height, width, 3), RGB, upright.
    """
    side = max(image.shape[:2])
    scales = next((scales for limit, scales in _SCALES_BELOW_PX if side < limit), None)
    if scales is None:
        looks = _coarse_to_fine(detector, image)
    else:
        looks = [look_at_scale(detector, image, scale, min_score=score) for scale, score in scales]
    found = merge([*looks, _large_faces(detector, image)])
    whole = without_parts([one.detection for one in found])
    return [one for one in whole if one.box.width >= MIN_FACE_PX]


def look_at_scale(detector: Detector, image: RGBImage, scale: float, *, min_score: float) -> list[Detection]:
    """Detect in a picture resized, and give the result in the picture's own pixels.

    Args:
        detector: of faces.
        image: uint8 (height, width, 3), RGB.
        scale: factor on both sides, greater than zero.
        min_score: drop what the detector is less sure of, range [0, 1].
    """
    small = resized(image, scale=scale)
    # The sides are rounded to whole pixels, so the true scales differ a little from the one asked for.
    across, down = (image.shape[1] / small.shape[1], image.shape[0] / small.shape[0])
    return [mapped(one, across, down, 0.0, 0.0) for one in detector.detect(small) if one.score >= min_score]


def _coarse_to_fine(detector: Detector, image: RGBImage) -> list[list[Detection]]:
    """Look at half the size, and at full resolution where that shows far faces or is not sure of one."""
    coarse = look_at_scale(detector, image, _COARSE_SCALE, min_score=0.0)
    sure = [one for one in coarse if one.score >= SURE_SCORE]
    if any(one.box.width < _FAR_FACE_PX for one in coarse):
        return [look_at_scale(detector, image, 1.0, min_score=SURE_SCORE), sure]
    unsure = [one for one in coarse if one.score < SURE_SCORE]
    closer = tiles.look_at(detector, image, [one.box for one in unsure], tile_px=_CHECK_TILE_PX)
    confirmed = [one for found in closer for one in found if one.score >= SURE_SCORE]
    return [sure, *([one] for one in confirmed)]


def _large_faces(detector: Detector, image: RGBImage) -> list[Detection]:
    scale = min(1.0, _OVERVIEW_PX / max(image.shape[:2]))
    found = look_at_scale(detector, image, scale, min_score=SURE_SCORE)
    return [one for one in found if one.box.width * scale >= _OVERVIEW_FACE_PX]


def merge(looks: Iterable[Sequence[Detection]]) -> list[Candidate]:
    """Merge what several looks found in one picture; a face counts once a look.

    Args:
        looks: detections of each look, in pixels of the same picture.

    Returns:
        Candidates, best score first.
    """
    tagged = [(one, number) for number, found in enumerate(looks) for one in found]
    tagged.sort(key=lambda pair: -pair[0].score)
    groups: list[dict[int, Detection]] = []
    for one, number in tagged:
        near = max(groups, key=lambda group: _lead(group).box.iou(one.box), default=None)
        if near is None or _lead(near).box.iou(one.box) < MERGE_IOU:
            groups.append({number: one})
        else:
            near.setdefault(number, one)
    return [Candidate(averaged(list(group.values())), len(group)) for group in groups]


def without_parts(detections: Sequence[Detection]) -> list[Detection]:
    """Drop boxes inside a larger box of better score: an eye, a beard.

    Args:
        detections: of one picture.
    """
    return [one for one in detections if not any(_is_part(one, other) for other in detections)]


def _is_part(one: Detection, whole: Detection) -> bool:
    if one.score > _PART_SCORE * whole.score or one.box.area > _PART_AREA * whole.box.area:
        return False
    overlap = one.box.iou(whole.box)
    shared = overlap * (one.box.area + whole.box.area) / (1.0 + overlap)
    return shared >= _PART_INSIDE * one.box.area


def _lead(group: dict[int, Detection]) -> Detection:
    """The best of a group, which the others are compared with: an average would wander."""
    return next(iter(group.values()))


def averaged(group: Sequence[Detection]) -> Detection:
    """Average boxes and landmarks of one face, weighted by score.

    Args:
        group: sightings of one face in pixels of one picture, the leading one first; at least one.
    """
    weights = np.array([one.score for one in group])
    if len(group) == 1 or not weights.sum():
        return group[0]
    boxes = [(one.box.x, one.box.y, one.box.width, one.box.height) for one in group]
    x, y, width, height = np.average(boxes, axis=0, weights=weights)
    landmarks: Landmarks = np.average([one.landmarks for one in group], axis=0, weights=weights).astype(np.float32)
    return Detection(Box(float(x), float(y), float(width), float(height)), landmarks, group[0].score)
