"""How sure a suggestion is, in three words with a measured meaning.

The words follow from one number, the margin: how far the similarity lies above the threshold, as a share of the way
from there to 1. Suggestions on 18 class photos, with the default recipe and its threshold of 0.59 fitted to each photo,
as ``python -m faces.evaluate reliability ../shared/data`` counts them: each class searched with its own roster, and
once more with each other class's roster added, which doubles the people who are not there:

| word | margin | right, own roster | right, doubled roster |
|---|---|---|---|
| clear | 0.165 and more | 482 of 482 | 3,838 of 3,838 |
| likely | 0 to 0.165 | 36 of 36 | 305 of 322 (95 %) |
| please look | below, by 0.125 at most | 9 of 17 | 70 of 260 (27 %) |
"""

from enum import StrEnum
from typing import Final

import numpy as np

CLEAR: Final = 0.165
"""From this margin on nobody was taken for somebody else; the nearest was, once at 0.160, a look-alike 38 px wide in
black and white. The only number of these words; as a share it fits recognisers whose similarities spread otherwise."""


class Confidence(StrEnum):
    """How sure it is that a face is the student suggested."""

    CLEAR = "CLEAR"
    LIKELY = "LIKELY"
    LOOK = "LOOK"


def confidence(similarity: float, *, threshold_cosine: float) -> Confidence:
    """Put a similarity into a word.

    Args:
        similarity: to the student suggested, cosine, range [-1, 1].
        threshold_cosine: similarity that a match must reach; one at the threshold is likely.
    """
    # As float32, like ``faces.match``: the float32 0.7 lies below the float64 0.7.
    value, threshold = np.float32(similarity), np.float32(threshold_cosine)
    if value >= np.float32(threshold_cosine + CLEAR * (1.0 - threshold_cosine)):
        return Confidence.CLEAR
    return Confidence.LIKELY if value >= threshold else Confidence.LOOK
