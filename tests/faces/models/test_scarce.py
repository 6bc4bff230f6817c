"""Memory that runs out costs time, not faces."""

import logging
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from faces.models.scarce import in_halves

PICTURES = np.arange(13, dtype=np.uint8).reshape(13, 1, 1, 1)


class Small:
    """Doubles numbers, of a few pictures at once."""

    def __init__(self, holds: int, error: type[Exception], *, on_cpu: bool = True) -> None:
        self.holds, self.error, self.on_cpu = holds, error, on_cpu
        self.sizes: list[int] = []
        self.alone: set[int] = set()

    def __call__(self, some: NDArray[Any]) -> NDArray[Any]:
        self.sizes.append(len(some))
        # A single picture that comes again has been taken to the CPU, whose memory is larger.
        again = len(some) == 1 and some.item() in self.alone
        if len(some) == 1:
            self.alone.add(some.item())
        if len(some) > self.holds and not (again and self.on_cpu):
            raise MemoryError if self.error is MemoryError else tf.errors.ResourceExhaustedError(None, None, "full")
        return some.ravel().astype(int) * 2


@pytest.mark.parametrize("error", [MemoryError, tf.errors.ResourceExhaustedError])
@pytest.mark.parametrize("holds", [13, 12, 3, 1])
def test_no_picture_is_lost_and_the_order_stays(holds: int, error: type[Exception]) -> None:
    run = Small(holds, error)
    found = np.concatenate(in_halves(run, PICTURES))
    np.testing.assert_array_equal(found, np.arange(13) * 2)
    assert run.sizes[0] == 13
    assert (holds == 13) == (len(run.sizes) == 1)


def test_a_picture_that_does_not_fit_alone_goes_to_the_cpu_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = in_halves(Small(0, MemoryError), PICTURES[:2])
    assert np.concatenate(found).tolist() == [0, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "memory ran out on 2 pictures: tried again in halves",
        "memory ran out on one picture: it is taken to the CPU",
        "memory ran out on one picture: it is taken to the CPU",
    ]


def test_what_fits_nowhere_is_an_error() -> None:
    with pytest.raises(MemoryError):
        in_halves(Small(0, MemoryError, on_cpu=False), PICTURES[:1])
