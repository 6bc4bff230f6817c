import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from faces import calibration
from faces.errors import TooFewScores

SCORES = arrays(np.float32, st.integers(1, 80), elements=st.floats(-1, 1, width=32))
RATES = st.floats(0, 1)


def ladder(n: int) -> np.ndarray:
    """n different scores, 0 to just below 1."""
    return (np.arange(n) / n).astype(np.float32)


class TestThreshold:
    def test_lets_through_exactly_the_share_asked_for(self) -> None:
        threshold = calibration.threshold_at_rate(ladder(100), 0.07)
        assert calibration.accepted_at(ladder(100), threshold) == 7
        assert 0.92 < threshold < 0.93 + 1e-6

    def test_at_rate_zero_lies_just_above_the_highest(self) -> None:
        scores = np.array([0.1, 0.5, 0.3])
        threshold = calibration.threshold_at_rate(scores, 0.0)
        assert threshold == float(np.nextafter(np.float32(0.5), np.float32(1)))

    def test_equal_scores_fall_on_one_side(self) -> None:
        scores = np.array([0.5] * 10 + [0.2] * 90)
        assert calibration.accepted_at(scores, calibration.threshold_at_rate(scores, 0.05)) == 0
        assert calibration.accepted_at(scores, calibration.threshold_at_rate(scores, 0.10)) == 10

    def test_rate_of_one_accepts_all(self) -> None:
        assert calibration.threshold_at_rate(ladder(5), 1.0) == -1.0

    @pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
    def test_rate_that_is_none_is_refused(self, rate: float) -> None:
        with pytest.raises(ValueError, match="rate in"):
            calibration.threshold_at_rate(ladder(5), rate)

    def test_no_scores_give_no_threshold(self) -> None:
        with pytest.raises(ValueError, match="0 and"):
            calibration.threshold_at_rate(ladder(0), 0.1)

    def test_score_that_is_no_number_is_refused(self) -> None:
        with pytest.raises(ValueError, match="axis of numbers"):
            calibration.threshold_at_rate(np.array([0.1, np.nan]), 0.1)

    @settings(deadline=None)
    @given(SCORES, RATES, RATES)
    def test_falls_as_the_rate_rises(self, scores: np.ndarray, one: float, other: float) -> None:
        low, high = sorted((one, other))
        assert calibration.threshold_at_rate(scores, high) <= calibration.threshold_at_rate(scores, low)

    @settings(deadline=None)
    @given(SCORES, RATES, st.randoms(use_true_random=False))
    def test_does_not_depend_on_the_order(self, scores: np.ndarray, rate: float, random: object) -> None:
        mixed = scores.copy()
        random.shuffle(mixed)  # type: ignore[attr-defined]
        assert calibration.threshold_at_rate(mixed, rate) == calibration.threshold_at_rate(scores, rate)

    @settings(deadline=None)
    @given(SCORES, RATES)
    def test_reaches_no_more_than_the_rate_and_no_lower_threshold_would(self, scores: np.ndarray, rate: float) -> None:
        threshold = calibration.threshold_at_rate(scores, rate)
        assert calibration.accepted_at(scores, threshold) <= rate * len(scores) + 1e-6
        if threshold > -1.0:
            lower = float(np.nextafter(np.float32(threshold), np.float32(-2)))
            assert calibration.accepted_at(scores, lower) > rate * len(scores) - 1e-6


class TestSearches:
    @settings(deadline=None)
    @given(arrays(np.float32, st.tuples(st.integers(1, 20), st.integers(1, 6)), elements=st.floats(-1, 1, width=32)))
    def test_more_people_never_lower_the_threshold(self, scores: np.ndarray) -> None:
        few, many = scores[:, 0], scores.max(axis=1)
        assert calibration.threshold_at_rate(few, 0.1) <= calibration.threshold_at_rate(many, 0.1)

    def test_of_one_person_are_comparisons(self) -> None:
        assert calibration.comparison_rate(0.01, 1) == pytest.approx(0.01)

    def test_of_a_class_take_their_share_of_the_rate(self) -> None:
        rate = calibration.comparison_rate(0.0005, 40)
        assert 1 - (1 - rate) ** 40 == pytest.approx(0.0005)

    @settings(deadline=None)
    @given(st.floats(1e-6, 0.5), st.integers(1, 2000), st.integers(1, 2000))
    def test_of_more_people_leave_each_less(self, fpir: float, one: int, other: int) -> None:
        few, many = sorted((one, other))
        rate = calibration.comparison_rate(fpir, many)
        assert fpir / many <= rate * (1 + 1e-9)  # never stricter than the union bound
        assert rate <= calibration.comparison_rate(fpir, few)

    def test_independent_searches_keep_the_rate(self) -> None:
        drawn = np.random.default_rng(3).normal(scale=0.15, size=(20_000, 40))
        threshold = calibration.threshold_at_rate(drawn.ravel(), calibration.comparison_rate(0.01, 40))
        reached = calibration.accepted_at(drawn.max(axis=1), threshold) / 20_000
        assert reached == pytest.approx(0.01, abs=0.001)

    @pytest.mark.parametrize(("fpir", "size"), [(0.0, 40), (1.0, 40), (0.1, 0)])
    def test_that_cannot_be_are_refused(self, fpir: float, size: int) -> None:
        with pytest.raises(ValueError, match="FPIR"):
            calibration.comparison_rate(fpir, size)


class TestHowSure:
    def test_no_error_in_n_leaves_three_in_n_possible(self) -> None:
        assert calibration.upper_bound(0, 6000) == pytest.approx(3 / 6000, rel=0.01)
        assert calibration.trials_needed(0.0005) == 6000
        assert calibration.least_rate(6000) == pytest.approx(0.0005)
        assert calibration.least_rate(2) == calibration.least_rate(0) == 1.0

    def test_known_bound(self) -> None:
        assert calibration.upper_bound(1, 10) == pytest.approx(0.3942, abs=1e-4)  # tables of Clopper and Pearson
        assert calibration.upper_bound(10, 10) == 1.0

    @settings(deadline=None)
    @given(st.integers(1, 500), st.data())
    def test_bound_lies_above_what_was_seen(self, trials: int, data: st.DataObject) -> None:
        errors = data.draw(st.integers(0, trials))
        bound = calibration.upper_bound(errors, trials)
        assert errors / trials <= bound <= 1.0
        assert errors == trials or calibration.upper_bound(errors, trials, confidence=0.99) >= bound

    @pytest.mark.parametrize(("errors", "trials"), [(0, 0), (3, 2), (-1, 5)])
    def test_counts_that_cannot_be_are_refused(self, errors: int, trials: int) -> None:
        with pytest.raises(ValueError, match="cannot be"):
            calibration.upper_bound(errors, trials)

    def test_rate_beyond_the_counts_is_refused_with_the_number_it_takes(self) -> None:
        with pytest.raises(TooFewScores, match=r"99 comparisons.*takes 100") as refused:
            calibration.calibrate(ladder(4), ladder(99), rate=0.03)
        assert (refused.value.found, refused.value.needed) == (99, 100)
        with pytest.raises(ValueError, match="between 0 and 1"):
            calibration.trials_needed(0.0)

    def test_result_counts_both_errors(self) -> None:
        genuine = np.array([0.5, 0.95, 0.97, 0.99], dtype=np.float32)
        found = calibration.calibrate(genuine, ladder(1000), rate=0.05)
        assert (found.accepted_impostors, found.impostors) == (50, 1000)
        assert (found.rejected_genuine, found.genuine) == (1, 4)
        assert 0.05 < found.rate_upper < 0.07

    def test_no_genuine_score_is_no_error(self) -> None:
        found = calibration.calibrate(ladder(0), ladder(100), rate=0.05)
        assert (found.rejected_genuine, found.genuine) == (0, 0)
