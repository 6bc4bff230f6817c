"""Face engines that start slowly or break as real ones do: the person in the picture says how."""

import os
import signal
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from faces import images
from faces.types import Face, RGBImage
from tests.fakes import FakePipeline, build_pipeline, class_photo

KILLED_FOR_MEMORY: Final = "fay"
CRASHES_THE_DECODER: Final = "gus"
HANGS: Final = "hal"
FITS_NOWHERE: Final = "ivy"
_SIGNALS: Final = {KILLED_FOR_MEMORY: signal.SIGKILL, CRASHES_THE_DECODER: signal.SIGSEGV}


class BreakingPipeline(FakePipeline):
    """The fake one, until one of the people above comes into view."""

    def find_faces(self, image: RGBImage) -> list[Face]:
        """Give the faces, die by the signal that the kernel would send, or hang beyond every soft limit."""
        faces = super().find_faces(image)
        for person, number in _SIGNALS.items():
            if self._shows(person, faces):
                os.kill(os.getpid(), number)
        while self._shows(HANGS, faces):
            self._hang()
        return faces

    def _hang(self) -> None:
        try:
            time.sleep(60)
        # Native code that hangs does not notice the soft limit either.
        except Exception:
            return

    def _shows(self, person: str, faces: list[Face]) -> bool:
        (alone,) = FakePipeline.find_faces(self, images.decode(class_photo(person)))
        return any(float(face.embedding @ alone.embedding) > 0.9 for face in faces)


class ScarcePipeline(BreakingPipeline):
    """A machine whose GPU holds two faces at once, and a wide one only in the host's memory."""

    def find_faces(self, image: RGBImage) -> list[Face]:
        """Give the faces, each embedded in batches that the real networks' guard cuts to what fits."""
        # TensorFlow must not be loaded before the worker forks.
        from faces.models.scarce import in_halves  # noqa: PLC0415

        faces = FakePipeline.find_faces(self, image)
        if self._shows(FITS_NOWHERE, faces):
            raise MemoryError
        places = np.arange(len(faces))
        return [faces[place] for part in in_halves(_on_a_small_gpu, places) for place in part] if faces else []


def _on_a_small_gpu(some: NDArray[Any]) -> NDArray[Any]:
    import tensorflow as tf  # noqa: PLC0415  as above
    from tensorflow.python.eager import context  # noqa: PLC0415  where TensorFlow tells which device is asked for

    is_on_cpu = "CPU" in context.context().device_name
    if not is_on_cpu and (len(some) > 2 or 0 in some):  # the first face of a photo is the wide one
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    return some


def build_breaking(
    recogniser: str = "sface-dlib", *, detector: str = "yunet", weights_dir: Path | None = None
) -> FakePipeline:
    """Build the engine that dies and hangs."""
    return BreakingPipeline(name=recogniser, detector=detector)


def build_scarce(
    recogniser: str = "sface-dlib", *, detector: str = "yunet", weights_dir: Path | None = None
) -> FakePipeline:
    """Build the engine that runs out of memory."""
    return ScarcePipeline(name=recogniser, detector=detector)


def build_slowly(
    recogniser: str = "sface-dlib", *, detector: str = "yunet", weights_dir: Path | None = None
) -> FakePipeline:
    """Load the models for as long as a slow disk takes."""
    time.sleep(float(os.environ["FAKE_LOAD_SECONDS"]))
    return build_pipeline(recogniser, detector=detector, weights_dir=weights_dir)
