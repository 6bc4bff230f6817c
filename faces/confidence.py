"""How sure a suggestion is, in three words with a measured meaning.

The words follow from one number, how far the similarity lies above the threshold. Counted on the class photos under
``../shared/data`` with SFace, each class searched with its own roster, and once more with each other class's roster
added, which doubles the people who are not there:

| word | margin above the threshold | right, own roster | right, doubled roster |
|---|---|---|---|
| clear | 0.10 and more | 487 of 487 | 3,896 of 3,896 |
| likely | 0 to 0.10 | 28 of 28 | 224 of 246 (91 %) |
| please look | below, by 0.08 at most | 9 of 21 | 71 of 306 (23 %) |
"""

from enum import StrEnum
from typing import Final

import numpy as np

CLEAR: Final = 0.155
"""From this share of the way from the threshold to 1 on nobody was taken for somebody else. The only number of these
words; as a share it fits recognisers whose similarities spread otherwise."""


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
