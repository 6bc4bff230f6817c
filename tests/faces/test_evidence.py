import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.evidence import join_looks
from faces.types import Embeddings

REACHED = 0.355


def rows(*vectors: list[float]) -> Embeddings:
    stacked = np.array(vectors, dtype=np.float32)
    return np.asarray(stacked / np.linalg.norm(stacked, axis=1, keepdims=True), dtype=np.float32)


def test_two_looks_at_one_person_are_averaged_and_a_stranger_is_not_joined() -> None:
    first, second = rows([1, 0.5, 0], [0, 0, 1]), rows([0, 1, 0], [1, -0.5, 0])
    [person] = join_looks([first, second], [[60, 60], [60, 60]], threshold_cosine=REACHED)
    assert person.places == {0: 0, 1: 1}
    assert person.embedding == pytest.approx([1, 0, 0], abs=1e-6)


def test_small_face_weighs_less() -> None:
    [person] = join_looks([rows([1, 0.5, 0]), rows([1, -0.5, 0])], [[48], [12]], threshold_cosine=REACHED)
    direction = np.array([1.25, 0.375, 0.0])
    assert person.embedding == pytest.approx(direction / np.linalg.norm(direction), abs=1e-6)


def test_two_faces_of_a_photo_are_two_people_however_alike() -> None:
    joined = join_looks([rows([1, 0, 0]), rows([1, 0.1, 0], [1, 0.2, 0])], [[60], [60, 60]], threshold_cosine=REACHED)
    assert [person.places for person in joined] == [{0: 0, 1: 0}]


def test_third_photo_joins_those_who_were_missing_in_the_second() -> None:
    joined = join_looks(
        [rows([1, 0, 0]), rows([0, 1, 0]), rows([1, 0.2, 0])], [[60], [60], [60]], threshold_cosine=REACHED
    )
    assert [person.places for person in joined] == [{0: 0, 2: 0}]


def test_nothing_to_join() -> None:
    nobody = np.zeros((0, 3), dtype=np.float32)
    assert join_looks([], [], threshold_cosine=REACHED) == []
    assert join_looks([nobody, rows([1, 0, 0]), nobody], [[], [60], []], threshold_cosine=REACHED) == []


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 2**31))
def test_every_face_is_in_one_person_at_most_and_every_mean_has_unit_length(n: int, m: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    photos = [
        rows(*random.normal(size=(count, 4)).tolist()) if count else np.zeros((0, 4), np.float32) for count in (n, m)
    ]
    joined = join_looks(photos, [[50.0] * n, [50.0] * m], threshold_cosine=REACHED)
    used = [(number, place) for person in joined for number, place in person.places.items()]
    assert len(used) == len(set(used)) == 2 * len(joined)
    assert all(np.linalg.norm(person.embedding) == pytest.approx(1.0, abs=1e-5) for person in joined)
