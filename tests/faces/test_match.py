from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from faces.distance import unit_rows
from faces.errors import ModelMismatch
from faces.match import (
    CALIBRATED_RATE,
    COHORT_PEOPLE,
    COHORT_WEIGHT,
    PER_DOUBLING,
    PHOTO_FACES,
    Candidate,
    Gallery,
    best_by_person,
    candidates,
    identify,
    photo_threshold,
    relative_similarities,
    threshold_at,
    verify,
)
from faces.types import Embeddings, Match

MODEL = "test-1"


def gallery_of(count: int, *, dimensions: int | None = None) -> Gallery:
    """People p0, p1, ... on the axes of the space."""
    return Gallery(
        identities=tuple(f"p{number}" for number in range(count)),
        embeddings=np.eye(count, dimensions or count, dtype=np.float32),
        model_id=MODEL,
    )


def probes_with(similarities: list[list[float]]) -> Embeddings:
    """Unit vectors that have exactly these cosines with the people of ``gallery_of(m, dimensions=m + n)``."""
    wanted = np.array(similarities, dtype=np.float64)
    count, people = wanted.shape
    rows = np.zeros((count, people + count))
    rows[:, :people] = wanted
    rows[np.arange(count), people + np.arange(count)] = np.sqrt(1 - (wanted**2).sum(axis=1))
    return rows.astype(np.float32)


def names(matches: list[Match | None]) -> list[str | None]:
    return [match.identity if match else None for match in matches]


def identified(similarities: list[list[float]], threshold: float) -> list[str | None]:
    probes = probes_with(similarities)
    gallery = gallery_of(len(similarities[0]), dimensions=probes.shape[1])
    return names(identify(probes, gallery, threshold_cosine=threshold, model_id=MODEL))


def test_empty_gallery_matches_nobody() -> None:
    gallery = Gallery((), np.zeros((0, 2), dtype=np.float32), MODEL)
    probes = np.eye(2, dtype=np.float32)
    assert identify(probes, gallery, threshold_cosine=-1.0, model_id=MODEL) == [None, None]
    assert candidates(probes, gallery) == [[], []]


def test_zero_faces_give_zero_matches() -> None:
    none = np.zeros((0, 2), dtype=np.float32)
    assert identify(none, gallery_of(2), threshold_cosine=0.3, model_id=MODEL) == []
    assert candidates(none, gallery_of(2)) == []


def test_similarity_at_the_threshold_is_accepted() -> None:
    assert identified([[0.5]], 0.5) == ["p0"]
    assert identified([[0.7]], 0.7) == ["p0"]
    assert identified([[0.699]], 0.7) == [None]


def test_zero_is_a_threshold_like_any_other() -> None:
    assert identified([[0.0]], 0.0) == ["p0"]
    assert identified([[-0.1]], 0.0) == [None]


def test_match_tells_similarity_and_threshold() -> None:
    probes = probes_with([[0.6]])
    [match] = identify(probes, gallery_of(1, dimensions=2), threshold_cosine=0.4, model_id=MODEL)
    assert match == Match("p0", pytest.approx(0.6), 0.4)  # type: ignore[arg-type]


def test_second_face_of_same_student_is_not_counted_twice() -> None:
    assert identified([[0.6], [0.9]], 0.3) == [None, "p0"]


def test_a_tie_goes_to_exactly_one_probe_and_the_same_one_each_time() -> None:
    first = identified([[0.8], [0.8]], 0.3)
    assert sorted(first, key=str) == [None, "p0"]
    assert all(identified([[0.8], [0.8]], 0.3) == first for _ in range(5))


def test_assignment_is_optimal_where_the_greedy_one_is_not() -> None:
    assert identified([[0.75, 0.65], [0.7, 0.1]], 0.3) == ["p1", "p0"]


def test_many_pairs_below_the_threshold_never_outvote_one_above() -> None:
    # Unmasked, p1 + p0 (0.29 + 0.29) would beat p0 alone at 0.45.
    assert identified([[0.45, 0.29], [0.29, -0.5]], 0.3) == ["p0", None]


def test_a_pair_barely_above_the_threshold_does_not_displace_a_clear_one() -> None:
    assert identified([[0.9, 0.36], [0.8, 0.0]], 0.35) == ["p0", None]


def test_best_template_of_a_person_counts() -> None:
    gallery = Gallery(("ada", "ben", "ada"), np.eye(3, dtype=np.float32), MODEL)
    probes = unit_rows(np.array([[0.1, 0.2, 0.9]]))
    assert names(identify(probes, gallery, threshold_cosine=0.5, model_id=MODEL)) == ["ada"]
    assert [found.identity for found in candidates(probes, gallery)[0]] == ["ada", "ben"]


def test_two_templates_of_one_person_take_one_probe() -> None:
    gallery = Gallery(("ada", "ada"), np.eye(2, dtype=np.float32), MODEL)
    found = identify(np.eye(2, dtype=np.float32), gallery, threshold_cosine=0.5, model_id=MODEL)
    assert sorted(names(found), key=str) == [None, "ada"]


def test_embeddings_of_another_model_are_refused() -> None:
    with pytest.raises(ModelMismatch, match="other-2"):
        identify(np.eye(2, dtype=np.float32), gallery_of(2), threshold_cosine=0.3, model_id="other-2")


def test_another_model_is_refused_even_without_faces() -> None:
    with pytest.raises(ModelMismatch):
        identify(np.zeros((0, 2), dtype=np.float32), gallery_of(2), threshold_cosine=0.3, model_id="other-2")


def test_gallery_needs_an_identity_a_row() -> None:
    with pytest.raises(ValueError, match="1 identities do not fit 2"):
        Gallery(("ada",), np.eye(2, dtype=np.float32), MODEL)


def test_candidates_come_most_similar_first_and_ties_in_gallery_order() -> None:
    probes = probes_with([[0.1, 0.5, 0.5, 0.3]])
    found = candidates(probes, gallery_of(4, dimensions=5), top=3)
    assert found == [
        [Candidate("p1", pytest.approx(0.5)), Candidate("p2", pytest.approx(0.5)), Candidate("p3", pytest.approx(0.3))]  # type: ignore[arg-type]
    ]


def test_verification_at_the_threshold_is_the_same_person() -> None:
    a = np.array([1, 0], dtype=np.float32)
    b = np.array([0.6, 0.8], dtype=np.float32)
    assert verify(a, b, threshold_cosine=0.6).same
    assert not verify(a, b, threshold_cosine=0.601).same


def best_worth_by_trying_all(similarities: np.ndarray, threshold: float) -> float:
    """The largest sum of similarity - threshold over all one-to-one assignments, the slow way."""
    worth = np.where(
        similarities >= np.float32(threshold), similarities.astype(float) - float(np.float32(threshold)), 0
    )
    if worth.shape[0] > worth.shape[1]:
        worth = worth.T
    rows = range(worth.shape[0])
    return max(
        sum(float(worth[row, column]) for row, column in zip(rows, chosen, strict=True))
        for chosen in permutations(range(worth.shape[1]), worth.shape[0])
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    probes=st.integers(0, 5),
    people=st.integers(1, 5),
    threshold=st.floats(-0.875, 0.875, width=32),
)
def test_identification_is_one_to_one_above_threshold_and_optimal(
    seed: int, probes: int, people: int, threshold: float
) -> None:
    random = np.random.default_rng(seed)
    faces = unit_rows(random.normal(size=(probes, 4)))
    gallery = Gallery(tuple(f"p{i}" for i in range(people)), unit_rows(random.normal(size=(people, 4))), MODEL)
    found = identify(faces, gallery, threshold_cosine=threshold, model_id=MODEL)
    assert len(found) == probes
    matched = [match for match in found if match]
    assert len({match.identity for match in matched}) == len(matched)
    assert all(match.similarity >= threshold for match in matched)
    if probes:
        similarities = best_by_person(faces, gallery)
        worth = sum(match.similarity - threshold for match in matched)
        assert worth == pytest.approx(best_worth_by_trying_all(similarities, threshold), abs=1e-5)
        left = [row for row, match in enumerate(found) if match is None]
        free = [i for i, person in enumerate(gallery.people) if person not in {match.identity for match in matched}]
        assert not (similarities[np.ix_(left, free)] >= np.float32(threshold)).any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_probes_does_not_change_who_is_found(seed: int) -> None:
    random = np.random.default_rng(seed)
    faces = unit_rows(random.normal(size=(6, 8)))
    gallery = Gallery(tuple(f"p{i}" for i in range(5)), unit_rows(random.normal(size=(5, 8))), MODEL)
    order = random.permutation(6)
    straight = names(identify(faces, gallery, threshold_cosine=0.2, model_id=MODEL))
    shuffled = names(identify(faces[order], gallery, threshold_cosine=0.2, model_id=MODEL))
    assert [straight[i] for i in order] == shuffled


def crowd(seed: int, faces: int, people: int = 12) -> tuple[Embeddings, Gallery]:
    random = np.random.default_rng(seed)
    templates = unit_rows(random.normal(size=(people, 24)).astype(np.float32))
    probes = unit_rows(random.normal(size=(faces, 24)).astype(np.float32) + 0.5)
    return probes, Gallery(tuple(f"p{number}" for number in range(people)), templates, MODEL)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_relative_similarities_keep_the_order_of_each_face_and_the_mean_of_the_photo(seed: int, faces: int) -> None:
    probes, gallery = crowd(seed, faces)
    plain, relative = best_by_person(probes, gallery), relative_similarities(probes, gallery)
    np.testing.assert_array_equal(np.argsort(plain, axis=1, kind="stable"), np.argsort(relative, axis=1, kind="stable"))
    np.testing.assert_allclose(plain.mean() - relative.mean(), COHORT_WEIGHT * _mean_shift(plain), atol=1e-5)


def _mean_shift(plain: NDArray[np.float32]) -> float:
    rest = (plain.sum(axis=1) - plain.max(axis=1)) / (plain.shape[1] - 1)
    return float((rest - rest.mean()).mean())


def test_a_face_that_resembles_everybody_is_asked_for_more() -> None:
    plain = np.full((2, 12), 0.1, dtype=np.float32)
    plain[1] += 0.1
    plain[:, 0] = 0.5
    probes = probes_with(plain.astype(float).tolist())
    relative = relative_similarities(probes, gallery_of(12, dimensions=probes.shape[1]))
    np.testing.assert_allclose(relative[:, 0], [0.5 + COHORT_WEIGHT * 0.05, 0.5 - COHORT_WEIGHT * 0.05], atol=1e-5)


def test_a_small_roster_says_nothing_about_what_is_common() -> None:
    probes, gallery = crowd(3, 5, people=COHORT_PEOPLE - 1)
    np.testing.assert_array_equal(relative_similarities(probes, gallery), best_by_person(probes, gallery))


def test_some_faces_of_a_photo_are_compared_as_all_of_them() -> None:
    probes, gallery = crowd(4, 6)
    some = relative_similarities(probes[2:4], gallery, photo=probes)
    np.testing.assert_allclose(some, relative_similarities(probes, gallery)[2:4], atol=1e-6)


@given(st.floats(-0.5, 0.99), st.integers(0, 500), st.integers(0, 500))
def test_more_faces_never_lower_the_threshold(threshold: float, fewer: int, more: int) -> None:
    low, high = sorted((fewer, more))
    assert photo_threshold(threshold, low) <= photo_threshold(threshold, high) < 1.0


def test_the_calibrated_number_of_faces_leaves_the_threshold() -> None:
    assert photo_threshold(0.59, PHOTO_FACES) == 0.59
    assert photo_threshold(0.6, 2 * PHOTO_FACES) == pytest.approx(0.6 + 0.4 * PER_DOUBLING)


@given(st.floats(-0.5, 0.99), st.floats(1e-6, 0.1), st.floats(1e-6, 0.1))
def test_a_lower_rate_never_lowers_the_threshold(threshold: float, one: float, other: float) -> None:
    strict, lax = sorted((one, other))
    assert threshold_at(threshold, strict) >= threshold_at(threshold, lax)


def test_the_calibrated_rate_leaves_the_threshold_and_half_of_it_raises_it_a_step() -> None:
    assert threshold_at(0.59, CALIBRATED_RATE) == pytest.approx(0.59)
    assert threshold_at(0.6, CALIBRATED_RATE / 2) == pytest.approx(0.6 + 0.4 * PER_DOUBLING)
