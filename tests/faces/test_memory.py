"""A worker keeps the memory that a photo needed."""

import subprocess
import sys

_PAGES = """
import resource, numpy as np
from faces.memory import keep_freed_memory
if {keep}: assert keep_freed_memory()
def fresh():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(36_000_000, dtype=np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
fresh()
print(fresh())
"""


def _fresh_pages(*, keep: bool) -> int:
    script = _PAGES.format(keep=keep)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_second_photo_asks_for_no_new_pages() -> None:
    given_back, kept = _fresh_pages(keep=False), _fresh_pages(keep=True)
    assert kept < given_back / 10
