"""The weights as they lie here, and the cards that the networks could use."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string

from faces import weights
from faces.errors import WeightsError


@dataclass(frozen=True, slots=True)
class WeightsState:
    """One file of the manifest.

    Attributes:
        file: its name.
        licence: SPDX identifier.
        problem: what is wrong with it and how to mend it; None where it holds the right bytes.
    """

    file: str
    licence: str
    problem: str | None


def weights_here() -> list[WeightsState]:
    """Verify the files of the default models, and every other one of the manifest that is here."""
    found = []
    for name, entry in weights.MANIFEST.items():
        if name in weights.DEFAULT_NAMES or (settings.WEIGHTS_DIR / entry.file).exists():
            found.append(WeightsState(entry.file, entry.licence, _problem(name)))
    return found


def cards_seen() -> list[str]:
    """Name the cards that the networks' library can compute on; loads it, so call it in a worker or a child only."""
    names: list[str] = import_string("faces.models.devices.cards")()
    return names


def _problem(name: str) -> str | None:
    try:
        weights.verified(name, settings.WEIGHTS_DIR)
    except WeightsError as error:
        return str(error)
    return None
