import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from faces.cluster import cluster, cluster_threshold
from faces.distance import unit_rows
from faces.types import Embeddings


def at_angles(*degrees: float) -> Embeddings:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_zero_faces_make_zero_clusters() -> None:
    assert cluster(np.zeros((0, 2), dtype=np.float32), photos=[], threshold_cosine=0.5) == []


def test_a_single_face_is_a_cluster() -> None:
    assert cluster(at_angles(10), photos=["a"], threshold_cosine=0.5) == [0]


def test_two_people_in_three_photos() -> None:
    faces = at_angles(0, 90, 5, 95, 10)
    assert cluster(faces, photos=["a", "a", "b", "b", "c"], threshold_cosine=0.5) == [0, 1, 0, 1, 0]


def test_faces_at_the_threshold_are_joined() -> None:
    faces = np.array([[1, 0], [0.7, np.sqrt(1 - 0.49)]], dtype=np.float32)
    assert cluster(faces, photos=["a", "b"], threshold_cosine=0.7) == [0, 0]
    assert cluster(faces, photos=["a", "b"], threshold_cosine=0.701) == [0, 1]


def test_two_faces_of_one_photo_are_never_the_same_person() -> None:
    assert cluster(at_angles(0, 0), photos=["a", "a"], threshold_cosine=0.5) == [0, 1]


def test_the_likelier_of_two_faces_of_one_photo_joins_and_the_other_stays_out() -> None:
    faces = at_angles(0, 30, 10)
    assert cluster(faces, photos=["a", "a", "b"], threshold_cosine=0.5) == [0, 1, 0]


def test_without_photos_nothing_is_kept_apart() -> None:
    assert cluster(at_angles(0, 90, 0), threshold_cosine=0.5) == [0, 1, 0]


def test_threshold_of_groups_lies_between_that_of_identification_and_one() -> None:
    assert cluster_threshold(1.0) == 1.0
    for threshold in (0.355, 0.75):
        assert threshold < cluster_threshold(threshold) < 1.0
    assert cluster_threshold(0.59) == pytest.approx(0.631)


def test_a_chain_of_look_alikes_is_not_one_person() -> None:
    # Neighbours are 40 or 41 degrees apart (cosine 0.75); single linkage would join all four.
    faces = at_angles(0, 40, 81, 121)
    assert cluster(faces, photos=list("abcd"), threshold_cosine=0.7) == [0, 0, 1, 1]


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.1])
def test_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        cluster(at_angles(0), photos=["a"], threshold_cosine=threshold)


def test_photos_must_fit_the_faces() -> None:
    with pytest.raises(ValueError, match="2 faces"):
        cluster(at_angles(0, 1), photos=["a"], threshold_cosine=0.5)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 20), threshold=st.floats(0.05, 0.95))
def test_clusters_respect_photos_and_threshold(seed: int, count: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    faces = unit_rows(random.normal(size=(count, 3)))
    photos = [str(number) for number in random.integers(0, 8, size=count)]
    labels = cluster(faces, photos=photos, threshold_cosine=threshold)
    assert labels == cluster(faces, photos=photos, threshold_cosine=threshold)
    assert sorted(set(labels)) == list(range(len(set(labels))))
    groups = [[face for face in range(count) if labels[face] == label] for label in set(labels)]
    for group in groups:
        assert len({photos[face] for face in group}) == len(group)
    sums = {label: faces[group].astype(float).sum(axis=0) for label, group in enumerate(groups)}
    for a in range(len(groups)):
        for b in range(a):
            mean = sums[a] @ sums[b] / (len(groups[a]) * len(groups[b]))
            shared = {photos[face] for face in groups[a]} & {photos[face] for face in groups[b]}
            assert shared or mean < threshold + 1e-6


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), photos=st.integers(1, 12), spread=st.sampled_from([0.0, 0.05, 1.0]))
def test_order_of_the_faces_does_not_change_who_is_together(seed: int, photos: int, spread: float) -> None:
    # Spread 0 makes equal vectors, where everything is a tie.
    random = np.random.default_rng(seed)
    people = unit_rows(random.normal(size=(4, 8)))
    faces = unit_rows(np.repeat(people, 4, axis=0) + spread * random.normal(size=(16, 8)))
    keys = [str(key) for key in random.integers(0, photos, size=16)]
    order = random.permutation(16)
    straight = cluster(faces, photos=keys, threshold_cosine=0.6)
    shuffled = cluster(faces[order], photos=[keys[i] for i in order], threshold_cosine=0.6)
    assert groups_of(faces, keys, straight) == groups_of(faces[order], [keys[i] for i in order], shuffled)


def groups_of(faces: Embeddings, photos: list[str], labels: list[int]) -> Counter[tuple[tuple[bytes, str], ...]]:
    """Groups by what is in them, so that two equal faces of one photo stand for each other."""
    groups: dict[int, list[tuple[bytes, str]]] = {}
    for face, photo, label in zip(faces, photos, labels, strict=True):
        groups.setdefault(label, []).append((face.tobytes(), photo))
    return Counter(tuple(sorted(group)) for group in groups.values())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), copies=st.integers(1, 5), threshold=st.floats(0.05, 0.95))
def test_equal_faces_of_different_photos_are_together(seed: int, copies: int, threshold: float) -> None:
    random = np.random.default_rng(seed)
    faces = np.repeat(unit_rows(random.normal(size=(6, 4))), copies, axis=0)
    labels = cluster(faces, photos=[str(n) for n in range(len(faces))], threshold_cosine=threshold)
    for first in range(0, len(faces), copies):
        assert len(set(labels[first : first + copies])) == 1


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 25), threshold=st.floats(0.05, 0.95))
def test_without_photos_it_is_scipys_average_linkage(seed: int, count: int, threshold: float) -> None:
    faces = unit_rows(np.random.default_rng(seed).normal(size=(count, 3)))
    theirs = fcluster(linkage(faces.astype(float), "average", metric="cosine"), 1.0 - threshold, "distance")
    ours = cluster(faces, threshold_cosine=threshold)
    assert len(set(zip(ours, theirs, strict=True))) == len(set(ours)) == len(set(theirs.tolist()))


def test_many_faces_take_seconds() -> None:
    random = np.random.default_rng(7)
    people = unit_rows(random.normal(size=(500, 128)))
    faces = unit_rows(np.repeat(people, 6, axis=0) + 0.05 * random.normal(size=(3000, 128)))
    started = time.monotonic()
    labels = cluster(faces, photos=[str(number) for number in range(3000)], threshold_cosine=0.5)
    assert labels == [number // 6 for number in range(3000)]
    # About one second on an idle machine; quadratic work in Python would take many minutes.
    assert time.monotonic() - started < 60
