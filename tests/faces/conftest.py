"""Real photographs and real models, each loaded once; tests that want them are skipped with a reason without them."""

import os
from pathlib import Path

import pytest

from faces import weights
from faces.errors import WeightsError


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(os.environ.get("SHARED_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no photographs: {folder} is missing (SHARED_DATA names another place)")
    return folder


@pytest.fixture(scope="session")
def yunet_file() -> Path:
    return _verified("yunet")


@pytest.fixture(scope="session")
def sface_file() -> Path:
    return _verified("sface")


def _verified(name: str) -> Path:
    try:
        return weights.verified(name)
    except WeightsError as error:
        pytest.skip(str(error))
