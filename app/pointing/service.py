"""Pointing as the server offers it: a process that answers, and trials in the background."""

from __future__ import annotations

from collections.abc import Sequence

from app.pointing.asking import PointingProcess
from app.pointing.question import Guesses, question_at
from app.pointing.trials import Trials
from app.workspace import Workspace
from storage.types import Box


class PointingService:
    """Answers clicks until it is closed; trials run from `start_trials` on."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._process = PointingProcess(workspace)
        self._trials = Trials(workspace, self._process)

    def boxes_at(
        self,
        image_id: int,
        point: tuple[float, float],
        *,
        category_id: int,
        taken: Sequence[Box],
    ) -> Guesses:
        """Boxes of what somebody may have clicked on, who sees those `taken`.

        Raises InvalidEditError, NotFoundError, PointingError.
        """
        self._trials.put_off()
        question = question_at(
            self._workspace, image_id, point, category_id=category_id, taken=taken
        )
        return self._process(question)

    def warm_up(self) -> None:
        """So that the first click need not wait for the process to start."""
        self._process.warm_up()

    def start_trials(self) -> None:
        self._trials.start()

    def on_done(self) -> None:
        """An image was finished: it tells whether pointing pays."""
        self._trials.want()

    def close(self) -> None:
        """Trials first: they ask the process."""
        self._trials.close()
        self._process.close()
