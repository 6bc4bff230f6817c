import pytest

from faces.errors import FaceError
from faces.evaluate.pairs import Pair, read_pairs


def test_view_2_gives_its_ten_folds() -> None:
    block = "Ada\t1\t2\nBen\t3\t4\nAda\t1\tBen\t2\nCem\t1\tDee\t1\n"
    pairs = read_pairs("10\t2\n" + block * 10)
    assert len(pairs) == 40
    assert [pair.fold for pair in pairs] == [number // 4 for number in range(40)]
    assert pairs[0] == Pair(("Ada", 1), ("Ada", 2), 0)
    assert pairs[2] == Pair(("Ada", 1), ("Ben", 2), 0)
    assert [pair.same for pair in pairs[:4]] == [True, True, False, False]


def test_view_1_is_cut_into_ten_folds_of_both_kinds() -> None:
    text = "20\n" + "Ada 1 2\n" * 20 + "Ada 1 Ben 2\n" * 20
    pairs = read_pairs(text)
    for fold in range(10):
        kinds = [pair.same for pair in pairs if pair.fold == fold]
        assert (kinds.count(True), kinds.count(False)) == (2, 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "starts with a count"),
        ("Ada 1 2", "starts with a count"),
        ("1\nAda 1 2\n", "announces 2 pairs and has 1"),
        ("1\nAda 1 2\nAda 1 Ben\n", "Line 3"),
        ("1\nAda one 2\nAda 1 Ben 1\n", "Line 2"),
        ("1\nAda 1\nAda 1 Ben 1\n", "Line 2"),
    ],
)
def test_a_broken_pairs_file_is_named(text: str, says: str) -> None:
    with pytest.raises(FaceError, match=says):
        read_pairs(text)
