"""Pointing as the server offers it: a process that answers, and trials in the background."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from app.pointing.asking import PointingProcess
from app.pointing.question import question_at
from app.pointing.trials import Trials
from app.workspace import Workspace
from storage.types import Box


class PointingService:
    """Answers at any time; trials run while the block does."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._process = PointingProcess(workspace)
        self._trials = Trials(workspace, self._process)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._process)
        self._stack.enter_context(self._trials)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def pid(self) -> int | None:
        """Of the process that answers, while one runs."""
        return self._process.pid

    def box_at(self, image_id: int, point: tuple[float, float], *, category_id: int) -> Box:
        """The box of what somebody clicked on. Raises InvalidEditError, NotFoundError, PointingError."""
        question = question_at(self._workspace, image_id, point, category_id=category_id)
        return self._process(question)

    def warm_up(self) -> None:
        """So that the first click need not wait for the process to start."""
        self._process.warm_up()

    def on_done(self) -> None:
        """An image was finished: it tells whether pointing pays."""
        self._trials.want()
