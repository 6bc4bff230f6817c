"""How the process asks the operating system for memory.

A photo of 12 megapixels fills 36 MB, and its features more. The C library takes such pieces from the operating system
and gives them back at once, so that every photo pays again for fresh zeroed pages: half the time of decoding one. A
process that recognises photo after photo keeps them instead, up to what its largest photo needed.
"""

import ctypes
import ctypes.util
from typing import Final

# mallopt's parameters in glibc's malloc.h.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 256 * 1024 * 1024
_LARGEST_HEAP_BYTES: Final = 1024 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Let this process reuse large pieces of memory rather than return them; for workers, not for web processes.

    Returns:
        whether the C library can be told so (glibc can).

    Source: mallopt(3).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_HEAP_BYTES)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))
