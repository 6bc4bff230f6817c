"""What work takes: time by stage, and memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

PAGE_BYTES: Final = 4096
STATM: Final = Path("/proc/self/statm")


def cost_of(seconds: Mapping[str, float]) -> dict[str, int]:
    """Put what a photo took into the form that its row keeps.

    Args:
        seconds: by stage; ``write`` includes ``match``, which runs in the same transaction.

    Returns:
        milliseconds by stage, each for itself, and this process's memory as ``memory_mb``.
    """
    apart = dict(seconds)
    if "write" in apart:
        apart["write"] -= apart.get("match", 0.0)
    cost = {stage: round(took * 1000) for stage, took in apart.items()}
    return {**cost, "memory_mb": resident_bytes() // 1_000_000}


def resident_bytes() -> int:
    """Give the memory that this process holds; 0 where the system does not say."""
    try:
        return int(STATM.read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return 0
