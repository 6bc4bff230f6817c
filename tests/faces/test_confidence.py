import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.confidence import CLEAR, Confidence, confidence

THRESHOLD = 0.355
ORDER = [Confidence.LOOK, Confidence.LIKELY, Confidence.CLEAR]


@pytest.mark.parametrize(
    ("similarity", "word"),
    [
        (-1.0, Confidence.LOOK),
        (THRESHOLD - 0.001, Confidence.LOOK),
        (THRESHOLD, Confidence.LIKELY),
        (float(np.float32(THRESHOLD)), Confidence.LIKELY),
        (THRESHOLD + CLEAR * (1 - THRESHOLD) - 0.001, Confidence.LIKELY),
        (THRESHOLD + CLEAR * (1 - THRESHOLD), Confidence.CLEAR),
        (1.0, Confidence.CLEAR),
    ],
)
def test_word_follows_from_the_margin(similarity: float, word: Confidence) -> None:
    assert confidence(similarity, threshold_cosine=THRESHOLD) == word


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.01, 0.9))
def test_more_alike_is_never_a_weaker_word(one: float, other: float, threshold: float) -> None:
    low, high = sorted((one, other))
    words = [confidence(value, threshold_cosine=threshold) for value in (low, high)]
    assert ORDER.index(words[0]) <= ORDER.index(words[1])
