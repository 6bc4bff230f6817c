from dataclasses import replace

import pytest

from faces.quality import Quality
from faces.template_update import MIN_TEMPLATE_PX, agrees_with_selfies, fit_to_keep

GOOD = Quality(face_px=80.0, sharpness=0.05, brightness=120.0, yaw=0.1, pitch=0.6)


def test_large_sharp_frontal_crop_is_fit() -> None:
    assert fit_to_keep(GOOD)
    assert fit_to_keep(replace(GOOD, face_px=MIN_TEMPLATE_PX))


@pytest.mark.parametrize(
    "flaw", [{"face_px": 59.9}, {"sharpness": 0.004}, {"brightness": 20.0}, {"brightness": 240.0}, {"yaw": 0.9}]
)
def test_crop_that_would_fail_as_a_selfie_is_not(flaw: dict[str, float]) -> None:
    assert not fit_to_keep(replace(GOOD, **flaw))


def test_selfies_agree_where_their_own_student_is_nearest_and_nobody_else_is_matched() -> None:
    assert agrees_with_selfies(own=[0.1, 0.3], others=[0.2], threshold_cosine=0.4)
    assert agrees_with_selfies(own=[0.3], others=[], threshold_cosine=0.4)


def test_selfies_disagree_with_a_slip_of_the_finger_a_tie_and_a_double() -> None:
    assert not agrees_with_selfies(own=[0.2], others=[0.3], threshold_cosine=0.4)
    assert not agrees_with_selfies(own=[0.3], others=[0.3], threshold_cosine=0.4)
    assert not agrees_with_selfies(own=[0.6], others=[0.4], threshold_cosine=0.4)
    assert not agrees_with_selfies(own=[], others=[], threshold_cosine=0.4)
