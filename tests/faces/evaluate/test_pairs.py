from pathlib import Path

import pytest

from faces.errors import FaceError
from faces.evaluate.pairs import Pair, cross_scores, read_pairs
from tests.fakes import FakePipeline, class_photo


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


class TestCrossScores:
    @pytest.fixture
    def pictures(self, tmp_path: Path) -> Path:
        for name, looks in {"ada": ("ada", "ada"), "ben": ("ben", "ben"), "cem": (None,)}.items():
            (tmp_path / name).mkdir()
            for number, look in enumerate(looks, start=1):
                picture = class_photo(look, seed=number) if look else class_photo()
                (tmp_path / name / f"{name}_{number:04d}.jpg").write_bytes(picture)
        return tmp_path

    def test_compare_every_picture_with_every_other_one(self, pictures: Path) -> None:
        file = pictures / "pairs.txt"
        file.write_text("2\nada 1 2\nben 1 2\nada 1 ben 2\nada 2 cem 1\n")
        scores = cross_scores(FakePipeline(), pictures, file)
        assert scores.genuine == pytest.approx([1.0, 1.0], abs=0.01)
        assert scores.impostors == pytest.approx([0.0] * 4, abs=0.01)  # Cem has no face, and is left out

    def test_of_one_face_are_none(self, pictures: Path) -> None:
        file = pictures / "pairs.txt"
        file.write_text("1\nada 1 1\nada 1 cem 1\n")
        scores = cross_scores(FakePipeline(), pictures, file)
        assert (len(scores.genuine), len(scores.impostors)) == (0, 0)

    def test_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(FaceError, match=r"no pairs file .*gone\.txt"):
            cross_scores(FakePipeline(), tmp_path, tmp_path / "gone.txt")
