"""SFace and dlib's network decide as one."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faces.errors import WeightsError
from faces.models import build_pipeline
from faces.models.dlib_resnet import DlibResNet
from faces.models.fused import FusedEmbedder
from faces.models.sface import SFaceEmbedder
from faces.models.sface_dlib import DLIB_SIGMA_COSINE, SFACE_INFLUENCE, SFACE_SIGMA_COSINE, build_embedder
from faces.models.yunet_tf import YuNetTensorFlow
from faces.types import Detection, RGBImage
from faces.weights import verified

SHARED_DATA = Path(os.environ.get("SHARED_DATA", "../shared/data"))


@pytest.fixture(scope="module")
def fused() -> FusedEmbedder:
    return build_embedder(verified("sface"))


def portrait(name: str, detector: YuNetTensorFlow) -> tuple[RGBImage, list[Detection]]:
    with Image.open(SHARED_DATA / f"portraits/{name}.jpg") as picture:
        image = np.asarray(picture.convert("RGB"))
    return image, detector.detect(image)[:1]


@pytest.mark.real_faces
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="no photographs under SHARED_DATA")
def test_the_cosine_of_real_faces_is_the_mean_of_both_weighted_by_their_deviations(fused: FusedEmbedder) -> None:
    detector = YuNetTensorFlow(verified("yunet"))
    faces = [portrait(name, detector) for name in ("obama", "obama2", "biden")]
    sface, dlib = (
        SFaceEmbedder(verified("sface"), mirror_below_px=0.0), DlibResNet(verified("dlib-resnet"), mirror_below_px=0.0)
    )  # fmt: skip
    rows, sface_rows, dlib_rows = (
        np.concatenate([one.embed(*face) for face in faces]).astype(np.float64) for one in (fused, sface, dlib)
    )

    sface_share = SFACE_INFLUENCE / SFACE_SIGMA_COSINE
    sface_weight = sface_share / (sface_share + 1 / DLIB_SIGMA_COSINE)
    expected = sface_weight * sface_rows @ sface_rows.T + (1 - sface_weight) * dlib_rows @ dlib_rows.T
    cosines = rows @ rows.T
    np.testing.assert_allclose(cosines, expected, atol=1e-4)
    assert cosines[0, 1] > fused.threshold_cosine > max(cosines[0, 2], cosines[1, 2])


def test_one_id_names_both_networks_and_their_weights(fused: FusedEmbedder) -> None:
    assert fused.dimensions == 256
    assert fused.model_id == "sface-2021dec-112-flip40-v2*0.5997+dlib-resnet-150-flip40-v2*0.4003"


def test_without_the_second_file_it_is_not_half_made(tmp_path: Path) -> None:
    alone = Path(shutil.copy(verified("sface"), tmp_path))

    with pytest.raises(WeightsError, match="dlib_face_recognition_resnet_model_v1"):
        build_embedder(alone)


def test_recipe_and_detector_go_by_their_names(fused: FusedEmbedder) -> None:
    pipeline = build_pipeline("sface-dlib")

    assert pipeline.model_id == f"{fused.model_id}/t2"
    assert pipeline.detector_id == YuNetTensorFlow.detector_id
    assert build_pipeline("dlib-resnet").model_id == "dlib-resnet-150-flip-v2/t2"
