"""What a selfie is remembered by: the face, its mirror image and a copy as a class photo would show it from far.

Measured on 826 people of LFW, a first picture against the others shrunk (``docs/recognition.md``): the far copy finds
three points more of the faces of 16 to 24 pixels at a false accept rate of 1 in 10,000, and costs nothing where faces
are near. A selfie is embedded once and compared for a term, so its price is of no account.
"""

from typing import Final

import numpy as np

from faces.degrade import Degradation, cut_out, degraded
from faces.distance import unit_rows
from faces.types import Box, Detection, Embedder, Embedding, Embeddings, RGBImage

TEMPLATE_ID: Final = "t2"
"""Version of this recipe; part of a pipeline's ``model_id``."""

FAR: Final = Degradation(width_px=28.0, blur_px=0.55, jpeg_quality=82)
FAR_WEIGHT: Final = 0.3
"""For a weight of 1 for the clear face, half of it its mirror image's. 0.5 costs a point at 34 to 48 pixels."""

_MIRRORED_ORDER: Final = (1, 0, 2, 4, 3)


def template_of(embedder: Embedder, image: RGBImage, detection: Detection) -> Embedding:
    """Embed an enrolled face.

    Args:
        embedder: asked three times.
        image: uint8 (height, width, 3), RGB.
        detection: the face in it.

    Returns:
        float32 (d,), unit L2 norm; to be compared with what the embedder gives for a face of a photo.
    """
    window, face = cut_out(image, detection)
    views = ((window, face), mirrored(window, face), degraded(window, face, FAR))
    rows = np.concatenate([embedder.embed(view, [seen]) for view, seen in views])
    summed: Embeddings = np.array([[0.5, 0.5, FAR_WEIGHT]], dtype=np.float32) @ rows
    template: Embedding = unit_rows(summed)[0]
    return template


def mirrored(image: RGBImage, detection: Detection) -> tuple[RGBImage, Detection]:
    """Mirror a picture and a face in it, left and right of the person with it.

    Args:
        image: uint8 (height, width, 3), RGB.
        detection: of that picture.
    """
    box, width = detection.box, image.shape[1]
    landmarks = detection.landmarks[list(_MIRRORED_ORDER)].copy()
    landmarks[:, 0] = width - 1 - landmarks[:, 0]
    across = Box(width - box.x - box.width, box.y, box.width, box.height)
    return np.ascontiguousarray(image[:, ::-1]), Detection(across, landmarks, detection.score)
