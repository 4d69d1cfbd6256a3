"""A progress bar with time left, on stderr, for a person at a terminal and for slow things only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

OnProgress = Callable[[int, int], None]  # (steps done, steps in all)
SHOWN_AFTER_S = 2.0


def ignore_progress(_step: int, _total: int) -> None:
    """For callers that do not want to know."""


class ProgressBar:
    """Starts to draw once the work has taken SHOWN_AFTER_S; a script's log never sees it."""

    def __init__(self, description: str, *, stream: TextIO, after_s: float = SHOWN_AFTER_S) -> None:
        self._description = description
        self._console = Console(file=stream)
        self._shown_at = monotonic() + after_s
        self._bar: Progress | None = None

    def report(self, step: int, total: int) -> None:
        if not self._console.is_terminal or (self._bar is None and monotonic() < self._shown_at):
            return
        if self._bar is None:
            self._bar = _new_bar(self._console)
            self._bar.start()
            self._bar.add_task(self._description, total=None)
        self._bar.update(self._bar.task_ids[0], completed=step, total=total or None)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress_bar(description: str, *, stream: TextIO | None = None) -> Iterator[OnProgress]:
    """Within the block, call the yielded function with (step, total)."""
    bar = ProgressBar(description, stream=stream or sys.stderr)
    try:
        yield bar.report
    finally:
        bar.close()


def _new_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
