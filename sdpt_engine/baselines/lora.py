"""LoRA (Hu et al., ICLR 2022) on the linear maps of the fusion layers, by the `peft` library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig
from peft.tuners.lora import Linear as LoraLinear
from torch import nn

from sdpt_engine.baselines.plain import PlainAdaptation

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector, EncodedText

LEARNING_RATE = 1e-2
RANK = 8
_NAME = "default"


class FusionLora(PlainAdaptation):
    """Low-rank updates of every linear map inside the fusion attentions; they start at zero."""

    def __init__(
        self,
        detector: Detector,
        *,
        rank: int = RANK,
        seed: int = 0,
        learning_rate: float = LEARNING_RATE,
    ) -> None:
        self._layers: list[tuple[nn.Module, str, LoraLinear]] = []
        parameters: dict[str, nn.Parameter] = {}
        config = LoraConfig(r=rank, lora_alpha=rank)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for site in detector.fusion_sites():
                for name, linear in site.attention.named_children():
                    if isinstance(linear, nn.Linear):
                        layer = LoraLinear(
                            linear, _NAME, r=rank, lora_alpha=rank, config=config
                        ).to(detector.device)
                        self._layers.append((site.attention, name, layer))
                        for part in ("lora_A", "lora_B"):
                            weight = getattr(layer, part)[_NAME].weight
                            parameters[f"{site.layer}.{name}.{part}"] = weight
        super().__init__(parameters, learning_rate)

    @property
    def can_recompute(self) -> bool:
        return False  # what is swapped in for a call is gone when its gradient is due

    @contextmanager
    def attached(self, detector: Detector, text: EncodedText) -> Iterator[EncodedText]:
        with ExitStack() as undo:
            for attention, name, layer in self._layers:
                undo.callback(setattr, attention, name, layer.get_base_layer())
                setattr(attention, name, layer)
            yield text
