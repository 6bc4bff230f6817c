"""From a photo to embedded faces."""

from typing import Final

from faces import detect, quality, selfie
from faces.detect import Candidate
from faces.errors import NoFace, SeveralFaces
from faces.landmarks import refined
from faces.stages import stage
from faces.template import TEMPLATE_ID, template_of
from faces.types import Detection, Detector, Embedder, Face, RGBImage

RIVAL_SCORE: Final = 0.8
RIVAL_SIDE: Final = 0.5
RIVAL_PROMINENCE: Final = 0.5
"""From these shares of the first face's score, side and prominence on, a second one makes a selfie ambiguous. People
far behind, a neighbour cut by the edge and furniture stay below; two heads put together do not. Of 240 press pictures,
26 of them with a second face of more than half the side, one is refused, and that one rightly."""


class FacePipeline:
    """A detector and an embedder with the policy around them; safe to share between threads if they are.

    Args:
        detector: finds faces at the resolution that it is given.
        embedder: aligns and embeds them.
    """

    def __init__(self, detector: Detector, embedder: Embedder) -> None:
        self._detector = detector
        self._embedder = embedder

    @property
    def model_id(self) -> str:
        """Names the whole recipe that makes the embeddings."""
        return f"{self._embedder.model_id}/{TEMPLATE_ID}"

    @property
    def detector_id(self) -> str:
        """Names the detector."""
        return self._detector.detector_id

    @property
    def threshold_cosine(self) -> float:
        """The embedder's threshold of open-set identification, range [-1, 1]."""
        return self._embedder.threshold_cosine

    def find_faces(self, image: RGBImage) -> list[Face]:
        """Find and embed every face of a photo, best detection first.

        Args:
            image: uint8 (height, width, 3), RGB, upright.
        """
        with stage("detect"):
            found = refined(self._detector, image, detect.find_all(self._detector, image))
        with stage("embed"):
            return self._embedded(image, found)

    def embed_selfie(self, image: RGBImage) -> Face:
        """Embed the one face of a selfie.

        Args:
            image: uint8 (height, width, 3), RGB.

        Raises:
            NoFace: nobody is seen.
            SeveralFaces: a second person is about as near as the first.
            PoorQuality: too small, dark, bright, turned away or blurred.
        """
        candidates = selfie.find_selfie(self._detector, image)
        if not candidates:
            raise NoFace("No face was found in this selfie: take it from the front, in good light, with the face free.")
        first, *others = candidates
        rivals = sum(is_rival(other, first, image) for other in others)
        if rivals:
            count = "Two" if rivals == 1 else f"{rivals + 1}"
            raise SeveralFaces(f"{count} faces in this selfie: retake it alone.")
        quality.check_selfie(image, first.detection)
        (detection,) = refined(self._detector, image, [first.detection])
        return self.as_enrolled(image, detection)

    def as_enrolled(self, image: RGBImage, detection: Detection) -> Face:
        """Embed a face of a picture as a selfie's is, without asking whether it is fit for one.

        Args:
            image: uint8 (height, width, 3), RGB.
            detection: the face in it.
        """
        return Face(detection, template_of(self._embedder, image, detection), self.model_id)

    def _embedded(self, image: RGBImage, detections: list[Detection]) -> list[Face]:
        embeddings = self._embedder.embed(image, detections)
        model_id = self.model_id
        return [Face(found, row, model_id) for found, row in zip(detections, embeddings, strict=True)]


def is_rival(other: Candidate, first: Candidate, image: RGBImage) -> bool:
    """Say whether another face leaves open whose selfie it is.

    Args:
        other: a candidate of the picture.
        first: the most prominent one.
        image: uint8 (height, width, 3), RGB.
    """
    return (
        other.votes >= min(2, first.votes)
        and other.detection.score >= RIVAL_SCORE * first.detection.score
        and other.detection.box.area**0.5 >= RIVAL_SIDE * first.detection.box.area**0.5
        and selfie.prominence(other, image) >= RIVAL_PROMINENCE * selfie.prominence(first, image)
    )
