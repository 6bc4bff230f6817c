"""The networks that training starts from."""

import numpy as np
import pytest

from faces.errors import UnknownModel
from faces.models.backbones import BACKBONES, build_backbone


@pytest.mark.parametrize(
    "name",
    [
        "small",
        pytest.param("nn4-small", marks=pytest.mark.real_faces),
        pytest.param("inception-resnet-v1", marks=pytest.mark.real_faces),
    ],
)
def test_a_network_gives_unit_vectors_of_128_numbers_and_every_weight_can_learn(name: str) -> None:
    backbone = build_backbone(name)
    crops = np.random.default_rng(0).integers(0, 256, (2, backbone.size_px, backbone.size_px, 3)).astype(np.float32)
    rows = np.asarray(backbone.network(crops, training=False))
    assert rows.shape == (2, 128)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-4)
    assert len(backbone.network.trainable_variables) > 5


def test_sizes_are_those_of_the_papers() -> None:
    assert {name: size for name, (size, _) in BACKBONES.items()} == {
        "inception-resnet-v1": 160,
        "nn4-small": 96,
        "small": 64,
    }


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match="nn4-small"):
        build_backbone("facenet-9000")
