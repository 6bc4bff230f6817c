import os
from pathlib import Path

import pytest

from faces import weights
from faces.errors import FaceError, SeveralFaces, WeightsError
from faces.images import load
from faces.match import verify
from faces.models.plain_deepface import PlainDeepFace

SHARED_DATA = Path(os.environ.get("SHARED_DATA", "../shared/data"))


def weights_are_there() -> bool:
    try:
        weights.verified("sface")
    except WeightsError:
        return False
    return True


needs_real_things = pytest.mark.skipif(
    not (SHARED_DATA.is_dir() and weights_are_there()), reason="no photographs under SHARED_DATA, or no weights"
)


@needs_real_things
@pytest.mark.real_faces
def test_deepface_knows_a_person_again_with_the_weights_of_the_folder() -> None:
    pytest.importorskip("mtcnn", reason="mtcnn is not installed")
    engine = PlainDeepFace(weights.weights_dir())
    portraits = SHARED_DATA / "portraits"
    obama, again = (engine.embed_selfie(load(portraits / name)) for name in ("obama.jpg", "obama2.jpg"))
    assert verify(obama.embedding, again.embedding, threshold_cosine=engine.threshold_cosine).same
    assert (engine.model_id, engine.detector_id) == ("plain-deepface-SFace", "plain-deepface-mtcnn")
    with pytest.raises(SeveralFaces):
        engine.embed_selfie(load(portraits / "obama_and_biden.jpg"))


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(FaceError, match="is missing"):
        PlainDeepFace(tmp_path)
