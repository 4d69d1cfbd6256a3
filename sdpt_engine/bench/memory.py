"""The most memory that a piece of work takes."""

from __future__ import annotations

import resource
from pathlib import Path
from types import TracebackType

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """`with PeakMemory(device) as peak: ...`; then `peak.megabytes`.

    On a GPU what torch allocated there; else the process's resident memory. Linux can forget an earlier peak;
    elsewhere the figure is the peak since the process began.
    """

    megabytes: float = 0.0

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def __enter__(self) -> PeakMemory:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        elif _CLEAR.exists():
            _CLEAR.write_text("5")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._device.type == "cuda":
            self.megabytes = torch.cuda.max_memory_allocated(self._device) / 1e6
            return
        self.megabytes = _resident_peak_kb() / 1000


def _resident_peak_kb() -> float:
    if not _STATUS.exists():
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    line = next(t for t in _STATUS.read_text().splitlines() if t.startswith("VmHWM"))
    return float(line.split()[1])
