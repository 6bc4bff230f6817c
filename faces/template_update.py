"""Which confirmed face of a class photo may stand beside a selfie as one more template of its student.

A second look at a person is worth most where the selfie is unlike today's face; a wrong or poor one poisons whoever it
is given to. So a template is added only on somebody's word, from a crop that would pass as a selfie, and only where the
selfies themselves do not contradict that word (supervised template update: Didaci, Marcialis, Roli 2014, "Analysis of
unsupervised template update in biometric recognition systems", names what goes wrong without supervision).
"""

from collections.abc import Sequence
from typing import Final

from faces.quality import MIN_FACE_PX, Quality, refusal

MOST_TEMPLATES: Final = 3
"""A student's confirmed templates at most; the oldest gives way. On the group photos recall still rises with the third
and the number of comparisons with strangers rises with each."""
MIN_TEMPLATE_PX: Final = MIN_FACE_PX
"""As for a selfie. At 80 the group photos lose a third of the gain, at 40 they gain nothing more."""


def fit_to_keep(quality: Quality) -> bool:
    """Say whether a crop is large, sharp, lit and frontal enough to be compared with for months."""
    return quality.face_px >= MIN_TEMPLATE_PX and refusal(quality) is None


def agrees_with_selfies(*, own: Sequence[float], others: Sequence[float], threshold_cosine: float) -> bool:
    """Say whether the selfies let a face be who it was said to be.

    A slip of the finger names somebody whom the face resembles less than a classmate. A face that reaches a classmate's
    threshold would bring that classmate's marks to the wrong student.

    Args:
        own: similarities to the selfies of the student named, cosine; none means that nothing can be compared.
        others: similarities to the templates of their classmates, cosine; may be empty.
        threshold_cosine: similarity that a match must reach.
    """
    if not own:
        return False
    nearest = max(others, default=-1.0)
    return max(own) > nearest and nearest < threshold_cosine
