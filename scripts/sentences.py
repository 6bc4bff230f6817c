"""What can stop a start, as sentences that the person in front of it can act on."""

from __future__ import annotations

NO_NETWORK_SIGNS = (
    "NewConnectionError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Network is unreachable",
    "Connection refused",
    "Cannot connect to proxy",
    "ProxyError",
    "ConnectTimeout",
    "ReadTimeout",
    "Read timed out",
    "Connection reset by peer",
)


class CannotStart(Exception):
    """What stops a start; its text is shown as it is, without a traceback."""


def install_failure(output: str) -> str:
    """Name what stopped pip, from what it printed."""
    if "No space left on device" in output:
        return "The disk is full: free about 4 GB here and in the folder for temporary files, then start again."
    if "DO NOT MATCH THE HASHES" in output:
        return (
            "A package that came down is not the one that the lock names (its hash differs), so nothing of it was "
            "installed: check what answers for your package index, then start again."
        )
    if any(sign in output for sign in NO_NETWORK_SIGNS):
        return "The package index cannot be reached: check the network or the proxy, then start again."
    if "No matching distribution found" in output:
        return "A locked package has no build for this machine: use 64-bit Linux or macOS and Python 3.11 to 3.13."
    last = [line for line in output.splitlines() if line.strip()][-1:]
    return "The packages could not be installed: " + (last[0].strip() if last else "pip gave no reason.")
