"""Face engines that start or break as real ones do."""

import os
import time
from pathlib import Path

from tests.fakes import FakePipeline, build_pipeline


def build_slowly(
    recogniser: str = "sface-dlib", *, detector: str = "yunet", weights_dir: Path | None = None
) -> FakePipeline:
    """Load the models for as long as a slow disk takes."""
    time.sleep(float(os.environ["FAKE_LOAD_SECONDS"]))
    return build_pipeline(recogniser, detector=detector, weights_dir=weights_dir)
