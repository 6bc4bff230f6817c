"""SFace in TensorFlow against ONNX Runtime, on the same weights, the same faces and the same cores, in one run.

    python -m benchmarks.embedding_vs_onnxruntime [--batch 32] [--rounds 7] [--threads 2]

Prints milliseconds a face and their ratio; below 1 TensorFlow is faster. Both are timed in turns, and the median
counts, so that other work on the machine falls on both.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

_ARGUMENTS = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
_ARGUMENTS.add_argument("--batch", type=int, default=32, help="faces a call (default 32)")
_ARGUMENTS.add_argument("--rounds", type=int, default=7, help="timed calls of each (default 7)")
_ARGUMENTS.add_argument("--threads", type=int, default=2, help="threads of each (default 2)")


def main() -> int:
    """Time both and print the table."""
    options = _ARGUMENTS.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    runs = _networks(options.threads)
    crops = _crops(options.batch)
    results = {name: run(crops) for name, run in runs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            run(crops)
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(taken) / options.batch * 1000 for name, taken in seconds.items()}
    ours, theirs = results.values()
    print(f"batch {options.batch}, {options.threads} threads, median of {options.rounds} calls")
    for name, milliseconds in medians.items():
        print(f"{name:<14} {milliseconds:8.2f} ms a face")
    print(f"ratio          {medians['tensorflow'] / medians['onnxruntime']:8.2f}")
    print(f"largest difference of unit vectors {abs(ours - theirs).max():.1e}")
    return 0


def _networks(threads: int) -> dict[str, Callable[[Any], Any]]:
    """Build both from the weights folder; each gives unit vectors of uint8 RGB crops."""
    import onnxruntime  # noqa: PLC0415  after the environment is set
    import tensorflow as tf  # noqa: PLC0415

    from faces import weights  # noqa: PLC0415
    from faces.distance import unit_rows  # noqa: PLC0415
    from faces.memory import keep_freed_memory  # noqa: PLC0415
    from faces.models.onnx_weights import dequantised_model  # noqa: PLC0415
    from faces.models.sface import SFaceEmbedder  # noqa: PLC0415

    keep_freed_memory()  # as a worker does; both run in this process
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    path = weights.verified("sface")
    embedder = SFaceEmbedder(path, mirror_below_px=0.0)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    model = dequantised_model(path)
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "faces"
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def onnx_run(crops: Any) -> Any:
        pictures = crops.astype("float32").transpose(0, 3, 1, 2)
        return unit_rows(session.run(None, {name: pictures})[0])

    return {"tensorflow": embedder.embed_crops, "onnxruntime": onnx_run}


def _crops(batch: int) -> Any:
    import numpy as np  # noqa: PLC0415

    return np.random.default_rng(0).integers(0, 256, size=(batch, 112, 112, 3)).astype(np.uint8)


if __name__ == "__main__":
    sys.exit(main())
