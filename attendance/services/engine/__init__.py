"""The one door to ``faces``: photos in, faces and decisions out; its errors become sentences of ours.

Reading and shrinking pictures loads no neural network, so pages and API may call it. ``pipeline`` does, and is called
in workers only.
"""

from attendance.services.engine.matching import (
    MOST_CONFIRMED,
    Gallery,
    Solution,
    agrees_with_selfies,
    calibrate,
    fit_to_keep,
    group,
    join_looks,
    margin_cosine,
    photo_threshold,
    similarities,
    solve,
    threshold_at,
)
from attendance.services.engine.photos import JPEG_QUALITY, Photo, crop, read_photo, sha256_of, shrink
from attendance.services.engine.pipelines import (
    Found,
    embed_selfie,
    find_and_measure,
    find_faces,
    forget_pipelines,
    pair_scores,
    pipeline,
)
from attendance.services.engine.weights import WeightsState, cards_seen, weights_here
from faces.confidence import Confidence, confidence
from faces.stages import stage, watched
from faces.types import Box, Embedding, Face
from faces.types import Engine as Pipeline

__all__ = [
    "JPEG_QUALITY",
    "MOST_CONFIRMED",
    "Box",
    "Confidence",
    "Embedding",
    "Face",
    "Found",
    "Gallery",
    "Photo",
    "Pipeline",
    "Solution",
    "WeightsState",
    "agrees_with_selfies",
    "calibrate",
    "cards_seen",
    "confidence",
    "crop",
    "embed_selfie",
    "find_and_measure",
    "find_faces",
    "fit_to_keep",
    "forget_pipelines",
    "group",
    "join_looks",
    "margin_cosine",
    "pair_scores",
    "photo_threshold",
    "pipeline",
    "read_photo",
    "sha256_of",
    "shrink",
    "similarities",
    "solve",
    "stage",
    "threshold_at",
    "watched",
    "weights_here",
]
