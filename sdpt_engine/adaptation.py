"""What trains beside a frozen detector: SDPT's prompt, or one of the rivals it is measured against.

One loop (`fitting.py`) tunes them all, so that they differ in nothing but what they train.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypedDict

from torch import Tensor, nn

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Caption, Detector, DetectorOutput, EncodedText
    from sdpt_engine.data import View


class ParameterGroup(TypedDict):
    """Parameters that share a learning rate; `peak_lr` is reached after the warm-up."""

    params: list[nn.Parameter]
    peak_lr: float


class Adaptation(Protocol):
    """Learnt tensors and the way they act on a detector whose own weights never change for good."""

    @property
    def first_layer(self) -> int:
        """The first fusion layer whose result depends on it; what comes before may be cached."""

    @property
    def can_recompute(self) -> bool:
        """Whether a layer gives the same again when it is worked out anew for its gradient.

        Not so where weights or modules are swapped in for one call and are gone by then.
        """

    def prepare(
        self, detector: Detector, views: Sequence[View], texts: Sequence[EncodedText]
    ) -> None:
        """Choose starting values, from the labelled views if the method wants to."""

    def attached(
        self, detector: Detector, text: EncodedText
    ) -> AbstractContextManager[EncodedText]:
        """While inside, the detector is adapted; afterwards it is as before, bit for bit.

        Gives the text to run it with.
        """

    def move_to(self, step: int, total_steps: int) -> None:
        """Hear how many steps are done; for what follows a schedule and not a gradient."""

    def adjusted(self, output: DetectorOutput, caption: Caption) -> DetectorOutput:
        """The last word on the detector's output; most return it as it is."""

    def parameter_groups(self) -> list[ParameterGroup]:
        """All that trains, each parameter once; empty for a method without training."""

    def learnt_tensors(self) -> dict[str, Tensor]:
        """The learnt tensors by name, detached copies on the CPU."""

    def load_learnt_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `learnt_tensors` gave. Raises ValueError for other names or shapes."""


def num_trained(adaptation: Adaptation) -> int:
    """How many numbers train."""
    return sum(p.numel() for group in adaptation.parameter_groups() for p in group["params"])


def copy_tensors(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy `tensors` into `own` in place. Raises ValueError that says what does not fit."""
    if own.keys() != tensors.keys():
        raise ValueError(
            f"The tensors {sorted(own)} are wanted, found {sorted(tensors)}. "
            "Load what was tuned with the same settings."
        )
    for name, tensor in own.items():
        if tensor.shape != tensors[name].shape:
            raise ValueError(
                f"Tensor '{name}' wants the shape {tuple(tensor.shape)}, "
                f"found {tuple(tensors[name].shape)}. Tune again for these classes."
            )
        tensor.detach().copy_(tensors[name])
