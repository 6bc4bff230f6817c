"""Where deepface gets its weights from: the weights folder, and never the internet."""

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deepface.commons import weight_utils
from retinaface.commons import weight_utils as retinaface_weight_utils

from faces.errors import WeightsError
from faces.weights import recorded

_ONE_AT_A_TIME: Final = threading.Lock()


@dataclass(slots=True)
class Source:
    """What deepface asked for while it built a model.

    Attributes:
        used: SHA-256 by file name.
    """

    used: dict[str, str] = field(default_factory=dict)


def require(path: Path, model: str) -> None:
    """Make sure that a file is there.

    Args:
        path: of the file.
        model: names what needs it: "the recogniser Facenet".

    Raises:
        WeightsError: it is not; which file, and where it goes.
    """
    if not path.is_file():
        raise WeightsError(f"{path} is missing: {model} needs deepface's file {path.name} there.")


@contextmanager
def supply_weights(weights_dir: Path, model: str, *, stand_ins: Mapping[str, Path] | None = None) -> Iterator[Source]:
    """Answer deepface's requests for weights from a folder for as long as a model is built.

    deepface (and RetinaFace's own package) has one function through which every model asks for its file, and which
    downloads what is missing. It is replaced meanwhile: its only setting is a home directory that it fills itself.

    Args:
        weights_dir: holds the files under deepface's names.
        model: names the model in errors: "the recogniser Facenet".
        stand_ins: files to take in place of missing ones, by name.

    Raises:
        WeightsError: a file is missing, not that of its first use, or of another network.
    """
    source = Source()

    def from_folder(file_name: str, *_: object, **__: object) -> str:
        path = weights_dir / file_name
        if not path.is_file() and stand_ins and file_name in stand_ins:
            path = stand_ins[file_name]
        require(path, model)
        source.used[file_name] = recorded(path)
        return str(path)

    doors = (weight_utils, retinaface_weight_utils)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        # deepface describes its networks the way Keras 2 did; Keras 3 remarks on every layer.
        warnings.simplefilter("ignore", UserWarning)
        originals = [door.download_weights_if_necessary for door in doors]
        for door in doors:
            door.download_weights_if_necessary = from_folder
        try:
            yield source
        except ValueError as error:
            files = ", ".join(source.used)
            if not files:
                raise
            raise WeightsError(f"{files} in {weights_dir} does not hold the weights of {model}.") from error
        finally:
            for door, original in zip(doors, originals, strict=True):
                door.download_weights_if_necessary = original
