"""dlib's recogniser rebuilt in Keras gives dlib's own numbers.

``dlib_resnet_reference.json`` holds what dlib's ``face_recognition_model_v1.compute_face_descriptor`` gave for the
picture drawn here, so that the comparison can be repeated without dlib.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faces.distance import unit_rows
from faces.errors import WeightsError
from faces.models.dlib_file import parse_network
from faces.models.dlib_resnet import INPUT_PX, TEMPLATE, DlibResNet, build_network
from faces.models.yunet_tf import YuNetTensorFlow
from faces.types import Box, Detection, Embedder, RGBImage
from faces.weights import verified
from tests.faces.models import dlib_writer

SHARED_DATA = Path(os.environ.get("SHARED_DATA", "../shared/data"))
REFERENCE = json.loads(Path(__file__).with_name("dlib_resnet_reference.json").read_text())
DLIB_NUMBERS = np.array(REFERENCE["descriptor"])


def drawn_picture() -> RGBImage:
    """Six by six random colours, blended: smooth as a face is, and the same on every machine."""
    colours = np.random.default_rng(20170212).integers(0, 256, size=(6, 6, 3)).astype(np.float64)
    axis = np.arange(INPUT_PX) * 5 / (INPUT_PX - 1)
    low = np.minimum(axis.astype(int), 4)
    share = axis - low
    rows = colours[low] * (1 - share)[:, None, None] + colours[low + 1] * share[:, None, None]
    blended = rows[:, low] * (1 - share)[None, :, None] + rows[:, low + 1] * share[None, :, None]
    return np.ascontiguousarray(np.rint(blended).astype(np.uint8))


def noise(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (count, INPUT_PX, INPUT_PX, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def plain() -> DlibResNet:
    return DlibResNet(verified("dlib-resnet"), mirror_below_px=0.0)


def test_the_drawn_picture_is_the_one_that_dlib_saw() -> None:
    assert hashlib.sha256(drawn_picture().tobytes()).hexdigest() == REFERENCE["picture_sha256"]


def test_the_network_gives_the_numbers_of_dlib() -> None:
    network = build_network(verified("dlib-resnet").read_bytes())
    output = np.asarray(network(drawn_picture()[None].astype(np.float32), training=False))[0]

    np.testing.assert_allclose(output, DLIB_NUMBERS, atol=2e-6)
    assert np.linalg.norm(output) > 1.2


def test_a_face_that_lies_on_the_template_is_not_moved(plain: DlibResNet) -> None:
    face = Detection(Box(20, 20, 110, 110), TEMPLATE.astype(np.float32), 0.9)
    (embedding,) = plain.embed(drawn_picture(), [face])

    np.testing.assert_allclose(embedding, DLIB_NUMBERS / np.linalg.norm(DLIB_NUMBERS), atol=2e-6)


def test_it_is_an_embedder_and_gives_no_rows_for_no_faces(plain: DlibResNet) -> None:
    assert isinstance(plain, Embedder)
    empty = plain.embed(drawn_picture(), [])
    assert empty.shape == (0, plain.dimensions)
    assert empty.dtype == np.float32


def test_no_row_depends_on_the_batch_it_came_in(plain: DlibResNet) -> None:
    crops = noise(35)
    together = plain.embed_crops(crops)

    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for place in (0, 31, 34):
        np.testing.assert_allclose(together[place], plain.embed_crops(crops[place : place + 1])[0], atol=1e-5)


def test_a_face_and_its_mirror_image_are_the_same_to_the_default_recipe(plain: DlibResNet) -> None:
    flipped = DlibResNet(verified("dlib-resnet"))
    crops = np.stack([drawn_picture(), *noise(2)])
    turned = np.ascontiguousarray(crops[:, :, ::-1])
    network = build_network(verified("dlib-resnet").read_bytes())
    here, there = (np.asarray(network(side.astype(np.float32), training=False)) for side in (crops, turned))

    np.testing.assert_allclose(flipped.embed_crops(crops), unit_rows(here + there), atol=1e-5)
    np.testing.assert_allclose(flipped.embed_crops(crops), flipped.embed_crops(turned), atol=1e-5)
    assert not np.allclose(plain.embed_crops(crops), plain.embed_crops(turned), atol=0.01)
    assert flipped.model_id != plain.model_id


@pytest.mark.real_faces
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="no photographs under SHARED_DATA")
def test_two_portraits_of_one_man_are_nearer_than_another_man(plain: DlibResNet) -> None:
    detector = YuNetTensorFlow(verified("yunet"))
    embeddings = []
    for name in ("obama", "obama2", "biden"):
        with Image.open(SHARED_DATA / f"portraits/{name}.jpg") as picture:
            image = np.asarray(picture.convert("RGB"))
        (embedding,) = plain.embed(image, detector.detect(image)[:1])
        embeddings.append(embedding)
    first, second, other = embeddings

    assert first @ second > 0.95
    assert first @ other < 0.9
    assert second @ other < 0.9


def test_another_network_in_the_same_format_is_refused() -> None:
    data = dlib_writer.network()
    assert len(parse_network(data)) > 1
    with pytest.raises(WeightsError, match="another network"):
        build_network(data)
