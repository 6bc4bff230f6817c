"""The recipe of two recognisers: SFace and dlib's ResNet, fused.

Other architectures, losses and training pictures: they err on different faces. Together they need the mirror image,
which doubles the time, for small faces only: from 40 pixels on it adds 0.1 points at a false accept rate of 1 in
10,000, which is within the noise.
"""

from pathlib import Path
from typing import Final

from faces.models.dlib_resnet import DlibResNet
from faces.models.fused import FusedEmbedder, Part
from faces.models.sface import SFaceEmbedder
from faces.weights import verified

SFACE_SIGMA_COSINE: Final = 0.087
DLIB_SIGMA_COSINE: Final = 0.0343
"""Deviations over 124,500 pairs of strangers: 250 people of LFW, two pictures each, drawn by a hash of their names."""
SFACE_INFLUENCE: Final = 3.8
"""The better of the two counts for more: it has 0.6 of the cosine. From 0.5 to 0.7 no difference was found."""
MIRROR_BELOW_PX: Final = 40.0
THRESHOLD_COSINE: Final = 0.59


def build_embedder(sface_weights: Path) -> FusedEmbedder:
    """Load both networks.

    Args:
        sface_weights: SFace's verified file; dlib's lies beside it.

    Raises:
        WeightsError: dlib's file is missing or not the one of the manifest, or one of the files is another network.
    """
    dlib_weights = verified("dlib-resnet", sface_weights.parent)
    parts = [
        Part(SFaceEmbedder(sface_weights, mirror_below_px=MIRROR_BELOW_PX), SFACE_SIGMA_COSINE, SFACE_INFLUENCE),
        Part(DlibResNet(dlib_weights, mirror_below_px=MIRROR_BELOW_PX), DLIB_SIGMA_COSINE),
    ]
    return FusedEmbedder(parts, threshold_cosine=THRESHOLD_COSINE)
