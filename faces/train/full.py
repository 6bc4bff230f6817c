"""The mode ``full``: a whole network, from pictures to vectors; faces are degraded anew in each batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from faces.degrade import degraded, drawn
from faces.evaluate.people import Portrait
from faces.evaluate.sheets import FaceInPicture
from faces.models.backbones import Backbone, build_backbone
from faces.models.trained import scaled_template
from faces.models.warp import aligned_crops
from faces.train.fit import Fitting, fit
from faces.train.sampling import BatchShape, Sampler

DEGRADED_SHARE: Final = 0.5
_WIDTH_PX: Final = (16.0, 48.0)


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """Faces to learn from, held in memory as the windows around them.

    Attributes:
        faces: windows with the face in their pixels.
        labels: int64 (n,), the person of each.
    """

    faces: Sequence[FaceInPicture]
    labels: NDArray[np.int64]


def album_of(portraits: Sequence[Portrait]) -> Album:
    """Read the windows around faces."""
    faces = [one.window() for one in portraits]
    labels = np.unique([one.person for one in portraits], return_inverse=True)[1].astype(np.int64)
    return Album(faces, labels)


def augmented(face: FaceInPicture, size_px: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Make one crop of a face: half of them shrunk, blurred and encoded as in a class photo, half of them mirrored.

    Args:
        face: a window and the face in its pixels.
        size_px: side of the crop.
        generator: of all chance.

    Returns:
        uint8 (size_px, size_px, 3), RGB.
    """
    image, detection = face
    if generator.random() < DEGRADED_SHARE:
        image, detection = degraded(image, detection, drawn(generator, _WIDTH_PX))
    crop: NDArray[np.uint8] = aligned_crops(image, [detection], scaled_template(size_px), size_px)[0]
    return crop[:, ::-1] if generator.random() < 0.5 else crop


def train_backbone(
    name: str, album: Album, how: Fitting, shape: BatchShape, *, seed: int, folder: Path
) -> tuple[Backbone, list[NDArray[np.float32]], list[float]]:
    """Train a network from random weights.

    Args:
        name: of the network.
        album: faces to learn from.
        how: steps and learning rate.
        shape: of a batch.
        seed: of the first weights, the sampling and the augmentation.
        folder: of the checkpoints.

    Returns:
        The network, the weights it began with, and the losses of the steps that this run took.
    """
    keras.utils.set_random_seed(seed)
    backbone = build_backbone(name)
    sampler = Sampler(album.labels, shape, seed=seed)

    def batch(step: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        rows = sampler.batch(step)
        generator = np.random.default_rng([seed, step, 1])
        crops = [augmented(album.faces[row], backbone.size_px, generator) for row in rows]
        return np.stack(crops).astype(np.float32), album.labels[rows]

    first_weights = backbone.network.get_weights()
    return backbone, first_weights, fit(backbone.network, batch, how, folder=folder)
