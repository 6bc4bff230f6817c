"""FaceNet's own preprocessing, against deepface's functions of the same purpose."""

from typing import Any

import numpy as np
import pytest
from deepface.modules import preprocessing

from faces.models.deepface_models import RECOGNISERS
from faces.models.facenet_crops import margin_crop, standardised_each, standardised_fixed
from faces.types import Box


def noise(height: int, width: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).integers(0, 256, size=(height, width, 3), dtype=np.uint8)


def by_deepface(crop: np.ndarray, name: str) -> Any:
    scaled = np.expand_dims(crop.astype(np.float32) / np.float32(255), 0)
    return np.asarray(preprocessing.normalize_input(scaled, name))[0]


def test_bringing_each_to_mean_and_deviation_is_deepface_s_facenet() -> None:
    crop = noise(160, 160)
    ours = standardised_each(crop)
    assert np.abs(ours - by_deepface(crop, "Facenet")).max() < 1e-3
    assert float(ours.mean()) == pytest.approx(0, abs=1e-5)
    assert float(ours.std()) == pytest.approx(1, abs=1e-5)


def test_fixed_numbers_are_deepface_s_facenet2018_up_to_their_factor() -> None:
    crop = noise(160, 160)
    assert np.abs(standardised_fixed(crop) - by_deepface(crop, "Facenet2018") * 127.5 / 128).max() < 1e-5
    assert standardised_fixed(np.array([[[0, 127, 255]]], dtype=np.uint8)).ravel().tolist() == [
        -127.5 / 128,
        -0.5 / 128,
        127.5 / 128,
    ]


def test_crop_of_one_colour_has_no_deviation_to_divide_by() -> None:
    assert np.abs(standardised_each(np.full((160, 160, 3), 7, dtype=np.uint8))).max() == 0.0


def test_each_set_of_weights_has_its_own() -> None:
    assert RECOGNISERS["facenet"].standardise is standardised_each
    assert RECOGNISERS["facenet512"].standardise is standardised_fixed


class TestMarginCrop:
    def test_box_of_128_pixels_gets_16_on_each_side(self) -> None:
        image = noise(300, 400)
        assert np.array_equal(margin_crop(image, Box(100, 90, 128, 128)), image[74:234, 84:244])

    def test_large_face_is_shrunk_and_a_small_one_enlarged(self) -> None:
        image = np.zeros((900, 900, 3), dtype=np.uint8)
        image[200:700, 200:700] = 255
        large = margin_crop(image, Box(200, 200, 500, 500))
        assert large.shape == (160, 160, 3)
        assert (large[80, 80].max(), large[80, 8].max()) == (255, 0)  # the margin is black
        assert large[80, 16:144].min() > 100
        assert margin_crop(image, Box(300, 300, 20, 24)).shape == (160, 160, 3)

    @pytest.mark.parametrize("box", [(-30, -20, 80, 90), (290, 200, 80, 90), (318.6, 238.2, 0.5, 0.5)])
    def test_box_over_the_edge_is_cut(self, box: tuple[float, float, float, float]) -> None:
        assert margin_crop(noise(240, 320), Box(*box)).shape == (160, 160, 3)
