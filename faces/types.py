"""The few nouns that every room of ``faces`` shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

RGBImage: TypeAlias = NDArray[np.uint8]
"""uint8 (height, width, 3), RGB, upright."""

Embedding: TypeAlias = NDArray[np.float32]
"""float32 (d,), unit L2 norm."""

Embeddings: TypeAlias = NDArray[np.float32]
"""float32 (n, d), rows of unit L2 norm."""

Landmarks: TypeAlias = NDArray[np.float32]
"""float32 (5, 2), pixels x, y: right eye, left eye, nose tip, right and left mouth corner (the person's own right)."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the photo; may reach over its edge.

    Attributes:
        x: left edge.
        y: top edge.
        width: greater than zero.
        height: greater than zero.
    """

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def iou(self, other: "Box") -> float:
        """Intersection over union with another box, range [0, 1]."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if across <= 0 or down <= 0:
            return 0.0
        shared = across * down
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face found in a photo, before it is embedded.

    Attributes:
        box: where, in pixels of the upright photo.
        landmarks: float32 (5, 2) in pixels of the upright photo.
        score: the detector's confidence, range [0, 1].
    """

    box: Box
    landmarks: Landmarks
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A detected and embedded face.

    Attributes:
        detection: where it was found.
        embedding: float32 (d,), unit L2 norm.
        model_id: the recipe that made the embedding; embeddings of different recipes never meet.
    """

    detection: Detection
    embedding: Embedding
    model_id: str


@dataclass(frozen=True, slots=True)
class Match:
    """A probe assigned to a student of the gallery.

    Attributes:
        identity: the gallery's key of that student.
        similarity: cosine similarity, range [-1, 1].
        threshold_cosine: what it had to reach.
    """

    identity: str
    similarity: float
    threshold_cosine: float


@runtime_checkable
class Detector(Protocol):
    """Finds faces in a picture of any size."""

    @property
    def detector_id(self) -> str:
        """Name and version, written beside every result."""
        ...

    def detect(self, image: RGBImage) -> list[Detection]:
        """Find faces, best score first.

        Args:
            image: uint8 (height, width, 3), RGB, upright.
        """
        ...


@runtime_checkable
class TileDetector(Protocol):
    """A detector that also takes a batch of equal pictures in one call."""

    def detect_batch(self, images: NDArray[np.uint8]) -> list[list[Detection]]:
        """Find faces in each of n pictures, uint8 (n, height, width, 3), RGB; in pixels of their own picture."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """Turns aligned faces into vectors."""

    @property
    def model_id(self) -> str:
        """Names the whole recipe: weights, alignment, preprocessing, fusion."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of an embedding."""
        ...

    @property
    def threshold_cosine(self) -> float:
        """Calibrated threshold of open-set identification, range [-1, 1]."""
        ...

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        """Align and embed faces of one picture.

        Args:
            image: uint8 (height, width, 3), RGB, the picture the detections came from.
            detections: n faces; may be empty.

        Returns:
            float32 (n, d), rows of unit L2 norm, in the order of the detections.
        """
        ...


class Engine(Protocol):
    """Finds and embeds faces: the pipeline of this package, or another engine to compare it with."""

    @property
    def model_id(self) -> str:
        """The recipe that makes the embeddings."""
        ...

    @property
    def detector_id(self) -> str:
        """The detector's name and version."""
        ...

    @property
    def threshold_cosine(self) -> float:
        """The engine's own threshold, range [-1, 1]."""
        ...

    def find_faces(self, image: RGBImage) -> list[Face]:
        """Find and embed every face of a photo."""
        ...

    def embed_selfie(self, image: RGBImage) -> Face:
        """Embed the one face of a selfie, or refuse it."""
        ...

    def as_enrolled(self, image: RGBImage, detection: Detection) -> Face:
        """Embed a face of a picture as a selfie's, whatever its quality."""
        ...
