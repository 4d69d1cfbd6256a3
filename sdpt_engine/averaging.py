"""The mean of a prompt along its way (Polyak and Juditsky 1992), which knows less of the last images' accidents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypedDict

import torch
from torch import Tensor


class MeanState(TypedDict):
    """A `RunningMean` in a checkpoint."""

    means: list[Tensor]
    weight: float


class RunningMean:
    """Of each of `parameters`, weighing what was `decay` ** n as much as what is, n updates later.

    `decay` in 0..1: 0 keeps the newest alone, 1 the mean of all. Before the first update it is where they stand.
    """

    def __init__(self, parameters: Sequence[Tensor], decay: float) -> None:
        self._parameters, self._decay = tuple(parameters), decay
        self.restart()

    @torch.no_grad()
    def restart(self) -> None:
        """Forget the way: begin where the parameters stand now."""
        self._means = [parameter.detach().clone() for parameter in self._parameters]
        self._weight = 0.0  # of all that was, if the newest weighs 1

    @torch.no_grad()
    def update(self) -> None:
        """Take in where the parameters stand now."""
        self._weight = self._weight * self._decay + 1.0
        for mean, parameter in zip(self._means, self._parameters, strict=True):
            mean.lerp_(parameter, 1.0 / self._weight)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While inside, the parameters have the values of the mean; afterwards their own again."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        _copy(self._means, self._parameters)
        try:
            yield
        finally:
            _copy(own, self._parameters)

    @property
    def state(self) -> MeanState:
        """For a checkpoint; copies on the CPU."""
        return {"means": [mean.cpu().clone() for mean in self._means], "weight": self._weight}

    def load_state(self, means: Sequence[Tensor], weight: float) -> None:
        """Take over what `state` gave. Raises ValueError for another number of parameters."""
        _copy(means, self._means)
        self._weight = weight


@torch.no_grad()
def _copy(values: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    for value, target in zip(values, targets, strict=True):
        target.copy_(value)
