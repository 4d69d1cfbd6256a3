"""What a process that runs torch on the CPU wants in its environment, before it starts.

Importing this loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping

CALM_CPU: Mapping[str, str] = {
    # Threads that wait must not spin: on few cores they would take the time of those that work.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Blocks of some MB are used again by glibc instead of being given back to the system at every step;
    # what lies idle beyond a step's swing is given back.
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
}
