"""Detector, recogniser, and from when on a face matches."""

from pathlib import Path

from attendance.settings.environment import BASE_DIR, env, require

# Recogniser; empty: the one that the school's templates were made with (sface-dlib at first).
FACE_MODEL = env.str("FACE_MODEL", default="")
# Detector. Default: yunet.
FACE_DETECTOR = env.str("FACE_DETECTOR", default="yunet")
# Cosine similarity that a match must reach; empty: as calibrated for the recogniser. Range (0, 1).
MATCH_THRESHOLD_COSINE = env.float("MATCH_THRESHOLD_COSINE", default=None)
# Absent students marked, a student and photo, that is accepted: the threshold follows. Default 0.0005 (1 in 2,000).
FALSE_MARK_RATE = env.float("FALSE_MARK_RATE", default=0.0005)
# How far below the threshold a face is still asked about, as a share of the way from it to 1. Default 0.125.
UNCERTAIN_MARGIN = env.float("UNCERTAIN_MARGIN", default=0.125)
# Where the models' weights lie (`python -m faces.weights fetch`). Default: weights/ beside manage.py.
WEIGHTS_DIR = Path(env.str("WEIGHTS_DIR", default=str(BASE_DIR / "weights")))
# Dotted name of what builds the pipeline in a worker; only tests change it.
FACE_PIPELINE_BUILDER = env.str("FACE_PIPELINE_BUILDER", default="faces.models.build_pipeline")

require(
    MATCH_THRESHOLD_COSINE is None or 0 < MATCH_THRESHOLD_COSINE < 1,
    "MATCH_THRESHOLD_COSINE must lie between 0 and 1.",
)
require(0 < FALSE_MARK_RATE <= 0.1, "FALSE_MARK_RATE must lie between 0 and 0.1.")
require(0 <= UNCERTAIN_MARGIN < 1, "UNCERTAIN_MARGIN must lie between 0 and 1.")
