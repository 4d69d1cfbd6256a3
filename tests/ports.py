"""Ports for the servers of tests, several of which are killed and come back on the same port.

They lie below those that the system hands out, so that nothing takes one in between, and apart from those of the
other test process.
"""

from __future__ import annotations

import os
import random
import socket

_FIRST, _PER_PROCESS, _MOST_PROCESSES = 12_000, 2_000, 9
_MOST_TRIES = 100
_chosen: set[int] = set()


def own_port() -> int:
    """A loopback port that nobody uses, and that is never given twice."""
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST + process % _MOST_PROCESSES * _PER_PROCESS
    for port in random.sample(range(first, first + _PER_PROCESS), _MOST_TRIES):
        if port not in _chosen and _is_free(port):
            _chosen.add(port)
            return port
    raise OSError(f"None of {_MOST_TRIES} ports from {first} on is free.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
