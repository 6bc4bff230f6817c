"""Timing of stages."""

import time

import numpy as np
import pytest

from faces.pipeline import FacePipeline
from faces.stages import stage, watched
from faces.types import Detection, Embeddings, RGBImage


def test_stages_inside_are_summed_and_none_outside() -> None:
    with stage("before"):
        pass
    with watched() as seconds:
        for _ in range(2):
            with stage("detect"):
                time.sleep(0.02)
    with stage("after"):
        pass
    assert set(seconds) == {"detect"}
    assert seconds["detect"] >= 0.04


def test_stage_that_breaks_is_timed_all_the_same() -> None:
    with watched() as seconds, pytest.raises(ValueError, match="no"), stage("embed"):
        raise ValueError("no")
    assert "embed" in seconds


class _SeesNobody:
    detector_id = "nobody-1"

    def detect(self, image: RGBImage) -> list[Detection]:
        return []


class _Embeds:
    model_id, dimensions, threshold_cosine = "none-1", 4, 0.5

    def embed(self, image: RGBImage, detections: object) -> Embeddings:
        return np.zeros((0, 4), dtype=np.float32)


def test_pipeline_tells_detection_from_embedding() -> None:
    pipeline = FacePipeline(_SeesNobody(), _Embeds())
    with watched() as seconds:
        assert pipeline.find_faces(np.zeros((64, 64, 3), dtype=np.uint8)) == []
    assert set(seconds) == {"detect", "embed"}
