"""A file in dlib's serialisation is read number by number, and anything else is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.errors import WeightsError
from faces.models import dlib_file
from faces.models.dlib_file import parse_network
from tests.faces.models.dlib_writer import (
    BIASES,
    HEAD,
    SCALE,
    SHIFT,
    WEIGHTS,
    affine,
    integers,
    named,
    network,
    packed,
    tensor,
)


def test_layers_come_from_the_input_to_the_output_with_their_numbers() -> None:
    layers = parse_network(network())

    assert [each.kind for each in layers] == ["input_rgb_image_sized", "con_4", "affine_", "relu_", "fc_2"]
    assert layers[0].sizes == (150, 150)
    np.testing.assert_array_equal(layers[0].arrays[0], np.array([122.5, 117.0, -20.0], np.float32))
    assert layers[1].sizes == (2, 2, 2, 2, 2, 0, 0)
    for found, written in zip(
        layers[1].arrays + layers[2].arrays + layers[4].arrays, (WEIGHTS, BIASES, SCALE, SHIFT, HEAD), strict=True
    ):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, written)


@given(st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1))
def test_every_integer_survives(value: int) -> None:
    assert dlib_file._Reader(packed(value)).integer() == value


@given(st.integers(min_value=0, max_value=len(network()) - 1))
def test_a_file_cut_short_anywhere_is_refused(length: int) -> None:
    with pytest.raises(WeightsError):
        parse_network(network()[:length])


def test_bytes_after_the_network_are_refused() -> None:
    with pytest.raises(WeightsError, match="after its network"):
        parse_network(network() + b"\x01\x01")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"loss_metric_2", b"loss_metric_9", "not a metric network"),
        (b"relu_", b"prelu", "unknown kind 'prelu'"),
        (b"input_rgb_image_sized", b"input_grey_image_size", "not a picture of fixed size"),
        (integers(2, 2, 2, 1, 3), integers(2, 2, 7, 1, 3), "unknown version 7"),
        (named("relu_") + b"110", named("relu_") + b"1x0", "not a flag"),
        (tensor(HEAD), integers(1) + tensor(HEAD)[2:], "another version of the format"),
        (affine(SCALE, SHIFT), affine(SCALE, SHIFT[:1]), "do not fit its shape"),
    ],
)
def test_a_foreign_file_is_refused_with_the_reason(old: bytes, new: bytes, reason: str) -> None:
    data = network()
    assert data.count(old) == 1
    with pytest.raises(WeightsError, match=reason):
        parse_network(data.replace(old, new))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_never_crash(data: bytes) -> None:
    with pytest.raises(WeightsError):
        parse_network(data)
