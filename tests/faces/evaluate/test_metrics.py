import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.evaluate.metrics import accuracy_at, best_threshold, fold_accuracy, val_at_far, val_table, wilson


def scores_of(matched: list[float], mismatched: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(matched + mismatched), np.array([True] * len(matched) + [False] * len(mismatched))


def test_threshold_falls_halfway_between_the_scores_it_separates() -> None:
    assert best_threshold(*scores_of([0.9, 0.8], [0.2, 0.4])) == pytest.approx(0.6)


def test_equal_scores_cannot_be_separated() -> None:
    scores, same = scores_of([0.5, 0.5], [0.5])
    assert accuracy_at(scores, same, best_threshold(scores, same)) == pytest.approx(2 / 3)


def test_all_mismatched_pairs_put_the_threshold_above_all() -> None:
    assert best_threshold(*scores_of([], [0.2, 0.4])) > 0.4


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.booleans()), min_size=1, max_size=30))
def test_no_other_threshold_is_more_accurate(pairs: list[tuple[float, bool]]) -> None:
    scores, same = np.array([score for score, _ in pairs]), np.array([same for _, same in pairs])
    best = accuracy_at(scores, same, best_threshold(scores, same))
    tried = [-2.0, 2.0, *scores]
    assert best >= max(accuracy_at(scores, same, threshold) for threshold in tried) - 1e-12


def test_each_fold_is_measured_with_the_threshold_of_the_others() -> None:
    scores = np.array([0.9, 0.1, 0.5, 0.3])
    same = np.array([True, False, True, False])
    # Fold 1 sets 0.4 for fold 0; fold 0 sets 0.5 for fold 1, where 0.5 is still accepted.
    accuracy = fold_accuracy(scores, same, np.array([0, 0, 1, 1]))
    assert (accuracy.mean, accuracy.std) == (1.0, 0.0)
    assert accuracy.threshold_cosine == pytest.approx(0.45)


def test_spread_of_folds_is_the_standard_deviation() -> None:
    scores = np.array([0.9, 0.1, 0.2, 0.1])
    same = np.array([True, False, True, False])
    accuracy = fold_accuracy(scores, same, np.array([0, 0, 1, 1]), threshold_cosine=0.5)
    assert (accuracy.mean, accuracy.std, accuracy.threshold_cosine) == (0.75, 0.25, 0.5)


def test_val_counts_matched_pairs_above_the_allowed_false_accepts() -> None:
    scores, same = scores_of([0.9, 0.6, 0.4, 0.2], [0.7, 0.5, 0.3, 0.1])
    assert val_at_far(scores, same, 0.0) == 0.25
    assert val_at_far(scores, same, 0.25) == 0.5
    assert val_at_far(scores, same, 0.5) == 0.75


def test_a_rate_too_small_for_the_pairs_allows_none() -> None:
    scores, same = scores_of([0.9, 0.6], [0.7] + [0.0] * 998)
    assert val_at_far(scores, same, 0.001) == 0.5
    assert val_table(scores, same, ["0.001", "0.01"]) == {"0.001": 0.5, "0.01": 1.0}


def test_a_tie_with_the_first_refused_impostor_is_refused() -> None:
    assert val_at_far(*scores_of([0.7], [0.7, 0.1]), 0.0) == 0.0


def test_interval_of_a_share_is_wilsons() -> None:
    """8 of 10: (0.8 + 0.19207 -+ 1.96 * sqrt(0.016 + 0.0096036)) / 1.38415, by hand."""
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
