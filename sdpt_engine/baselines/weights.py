"""Fine-tuning of the detector's own weights, on copies that are swapped in for each call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import nn

from sdpt_engine.baselines.plain import PlainAdaptation

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector, EncodedText

HEADS_LEARNING_RATE = 1e-3
BODY_LEARNING_RATE = 1e-3


class WeightTuning(PlainAdaptation):
    """Trains copies of the named `parameters` of `detector.model`; the originals are never touched."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], learning_rate: float) -> None:
        copies = {name: nn.Parameter(p.detach().clone()) for name, p in parameters.items()}
        super().__init__(copies, learning_rate)

    @property
    def can_recompute(self) -> bool:
        return False  # what is swapped in for a call is gone when its gradient is due

    @contextmanager
    def attached(self, detector: Detector, text: EncodedText) -> Iterator[EncodedText]:
        originals = _swap(detector.model, self.parameters)
        try:
            yield text
        finally:
            _swap(detector.model, originals)


def heads_only(detector: Detector, learning_rate: float = HEADS_LEARNING_RATE) -> WeightTuning:
    """The layers that name and place boxes."""
    return WeightTuning(detector.head_parameters(), learning_rate)


def full_tuning(detector: Detector, learning_rate: float = BODY_LEARNING_RATE) -> WeightTuning:
    """Everything behind the frozen encoders, whose output stays cached."""
    return WeightTuning(detector.body_parameters(), learning_rate)


def _swap(model: nn.Module, wanted: Mapping[str, nn.Parameter]) -> dict[str, nn.Parameter]:
    """Put the wanted parameters in place; gives those that were there. Shared ones are swapped in all places."""
    replaced: dict[int, nn.Parameter] = {}
    before = {}
    for name, parameter in wanted.items():
        before[name] = model.get_parameter(name)
        replaced[id(before[name])] = parameter
    for module in model.modules():
        for own, present in module._parameters.items():
            if present is not None and id(present) in replaced:
                module._parameters[own] = replaced[id(present)]
    return before
