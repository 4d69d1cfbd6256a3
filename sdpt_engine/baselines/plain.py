"""What most rivals share: a few named parameters with one learning rate, and nothing to prepare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import Tensor, nn

from sdpt_engine.adaptation import ParameterGroup, copy_tensors

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Caption, Detector, DetectorOutput, EncodedText
    from sdpt_engine.data import View


class PlainAdaptation:
    """Parameters by name, trained with one rate from the encoder's own output on."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], learning_rate: float) -> None:
        self.parameters = dict(parameters)
        self.learning_rate = learning_rate

    @property
    def first_layer(self) -> int:
        return 0

    @property
    def can_recompute(self) -> bool:
        return True

    def prepare(
        self, detector: Detector, views: Sequence[View], texts: Sequence[EncodedText]
    ) -> None:
        """The starting values are those it was made with."""

    @contextmanager
    def attached(self, detector: Detector, text: EncodedText) -> Iterator[EncodedText]:
        yield text

    def move_to(self, step: int, total_steps: int) -> None:
        """Nothing follows a schedule."""

    def adjusted(self, output: DetectorOutput, caption: Caption) -> DetectorOutput:
        return output

    def parameter_groups(self) -> list[ParameterGroup]:
        if not self.parameters:
            return []
        return [{"params": list(self.parameters.values()), "peak_lr": self.learning_rate}]

    def learnt_tensors(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self.parameters.items()}

    def load_learnt_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_tensors(self.parameters, tensors)
