from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from faces import images, quality
from faces.detect import Candidate
from faces.errors import NoFace, PoorQuality, SeveralFaces
from faces.models import build_pipeline
from faces.pipeline import FacePipeline, is_rival
from faces.types import Box, Detection, Embeddings, RGBImage

POINTS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], dtype=np.float32)


def face(x: float, y: float, size: float, score: float = 0.9) -> Detection:
    return Detection(Box(x, y, size, size), POINTS * np.float32(size) + np.array([x, y], np.float32), score)


class Finder:
    """Finds the same faces of a picture of 640 x 480 pixels at whatever scale it is shown."""

    detector_id = "finder-1"

    def __init__(self, *faces: Detection) -> None:
        self.faces = faces

    def detect(self, image: RGBImage) -> list[Detection]:
        scale = image.shape[1] / 640
        shown = []
        for one in self.faces:
            box = Box(*(side * scale for side in (one.box.x, one.box.y, one.box.width, one.box.height)))
            shown.append(Detection(box, one.landmarks * np.float32(scale), one.score))
        return shown


class Counter:
    """Embeds the n-th face as the n-th axis."""

    model_id = "counter-1"
    dimensions = 8
    threshold_cosine = 0.5

    def embed(self, image: RGBImage, detections: Sequence[Detection]) -> Embeddings:
        return np.eye(len(detections), 8, dtype=np.float32)


def noise() -> RGBImage:
    return np.random.default_rng(2).integers(60, 200, (480, 640, 3), dtype=np.uint8)


def pipeline(*faces: Detection) -> FacePipeline:
    return FacePipeline(Finder(*faces), Counter())


def test_it_carries_the_names_and_the_threshold_of_its_parts() -> None:
    made = pipeline()
    assert (made.model_id, made.detector_id, made.threshold_cosine) == ("counter-1/t2", "finder-1", 0.5)


def test_faces_come_with_their_own_embedding_best_first() -> None:
    found = pipeline(face(400, 50, 60, 0.7), face(100, 50, 60, 0.95)).find_faces(noise())
    assert [round(one.detection.box.x / 10) for one in found] == [10, 40]
    assert [int(one.embedding.argmax()) for one in found] == [0, 1]
    assert {one.model_id for one in found} == {"counter-1/t2"}


def test_an_empty_room_is_an_empty_list() -> None:
    assert pipeline().find_faces(noise()) == []


def test_a_selfie_of_nobody_is_refused() -> None:
    with pytest.raises(NoFace, match="No face was found"):
        pipeline().embed_selfie(noise())


@pytest.mark.parametrize(("extra", "words"), [(1, "Two faces"), (2, "3 faces")])
def test_a_selfie_of_several_is_refused_with_their_number(extra: int, words: str) -> None:
    others = [face(390 - 280 * number, 170, 130) for number in range(extra)]
    with pytest.raises(SeveralFaces, match=f"{words} in this selfie: retake it alone"):
        pipeline(face(250, 150, 140), *others).embed_selfie(noise())


def test_a_person_far_behind_does_not_refuse_a_selfie() -> None:
    made = pipeline(face(200, 100, 240), face(20, 40, 50)).embed_selfie(noise())
    assert made.detection.box.width == pytest.approx(240, abs=2)


def test_a_selfie_of_poor_quality_is_refused_with_its_code() -> None:
    with pytest.raises(PoorQuality) as refused:
        pipeline(face(300, 220, 40)).embed_selfie(noise())
    assert refused.value.code == "small"


FIRST = Candidate(face(250, 170, 140, 0.9), votes=3)


@pytest.mark.parametrize(
    ("other", "rival"),
    [
        (Candidate(face(400, 170, 140, 0.9), votes=3), True),
        (Candidate(face(400, 170, 140, 0.9), votes=1), False),
        (Candidate(face(400, 170, 140, 0.71), votes=3), False),
        (Candidate(face(290, 60, 69, 0.9), votes=3), False),
        (Candidate(face(-60, -60, 140, 0.9), votes=3), False),
    ],
    ids=["beside", "seen once", "unsure", "far behind", "at the edge"],
)
def test_only_a_face_as_prominent_is_a_rival(other: Candidate, rival: bool) -> None:
    assert is_rival(other, FIRST, noise()) is rival


@pytest.fixture(scope="module")
def real(yunet_file: Path, sface_file: Path) -> FacePipeline:
    return build_pipeline(weights_dir=yunet_file.parent)


@pytest.mark.real_faces
def test_two_pictures_of_one_person_are_alike_and_of_two_are_not(real: FacePipeline, shared_data: Path) -> None:
    obama, again, biden = (
        real.embed_selfie(images.load(shared_data / "portraits" / name)).embedding
        for name in ("obama.jpg", "obama2.jpg", "biden.jpg")
    )
    assert obama @ again > real.threshold_cosine + 0.1
    assert obama @ biden < real.threshold_cosine - 0.1
    assert np.linalg.norm(obama) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.real_faces
@pytest.mark.parametrize("name", ["portraits/two_people.jpg", "portraits/obama_and_biden.jpg"])
def test_two_real_people_are_no_selfie(real: FacePipeline, shared_data: Path, name: str) -> None:
    with pytest.raises(SeveralFaces, match="Two faces"):
        real.embed_selfie(images.load(shared_data / name))


@pytest.mark.real_faces
def test_a_portrait_of_one_person_holds_one_face_at_any_size(real: FacePipeline, shared_data: Path) -> None:
    portrait = images.load(shared_data / "portraits/biden.jpg")
    for scale in (0.15, 0.5, 1.0):
        picture = images.resized(portrait, scale=scale)
        best = real.find_faces(picture)[0].detection.box
        assert best.width / picture.shape[1] == pytest.approx(0.297, abs=0.03)


@pytest.mark.real_faces
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_lying_selfie_embeds_as_the_upright_one(real: FacePipeline, shared_data: Path, quarters: int) -> None:
    upright = images.load(shared_data / "portraits/obama.jpg")
    lying = np.ascontiguousarray(np.rot90(upright, quarters))
    assert real.embed_selfie(lying).embedding @ real.embed_selfie(upright).embedding > 0.9


@pytest.mark.real_faces
def test_roster_pictures_are_accepted(real: FacePipeline, shared_data: Path) -> None:
    refused = []
    pictures = sorted(shared_data.glob("class_photos/class-0[12]/roster/*.jpg"))
    for path in pictures:
        try:
            real.embed_selfie(images.load(path))
        except (NoFace, SeveralFaces, PoorQuality) as error:
            refused.append((path.stem, type(error).__name__))
    assert len(pictures) == 80
    assert refused == []


@pytest.mark.real_faces
def test_a_group_of_twenty_six_is_found_whole(real: FacePipeline, shared_data: Path) -> None:
    found = real.find_faces(images.load(shared_data / "crowds/11.jpg"))
    assert len(found) == 26
    assert all(abs(quality.assess(np.zeros((9, 9, 3), np.uint8), one.detection).yaw) < 0.6 for one in found)
