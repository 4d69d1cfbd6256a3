"""Puts a prompt into a frozen detector for the length of a `with` block, and takes it out again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor, nn

from sdpt_engine.extra_tokens import SeenBeside
from sdpt_engine.fusion import prompted_attention

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector, FusionSite


@dataclass(frozen=True, slots=True)
class LayerChange:
    """How one fusion layer is changed for one caption."""

    beside: SeenBeside
    text_offsets: Tensor | None  # [T, dt], added to the words


@contextmanager
def installed(detector: Detector, changes: Mapping[int, LayerChange]) -> Iterator[None]:
    """Swaps the fusion attentions; on leaving, by return or by error, the originals are back."""
    with ExitStack() as undo:
        for site in detector.fusion_sites():
            change = changes.get(site.layer)
            if change is None:
                continue
            stand_in = prompted_attention(site, change.beside)
            undo.callback(detector.replace_attention, site.layer, site.attention)
            detector.replace_attention(site.layer, stand_in)
            if change.text_offsets is not None:
                _add_to_text(site, change.text_offsets, undo)
        yield


def _add_to_text(site: FusionSite, offsets: Tensor, undo: ExitStack) -> None:
    """Adds offsets [T, dt] behind the text LayerNorm, hence to the residual as well.

    Inside the attention alone, a small fusion gate would leave the class tokens no leverage.
    """

    def add(_module: nn.Module, _inputs: Any, normed: Tensor) -> Tensor:
        return normed + F.pad(offsets, (0, 0, 0, normed.shape[1] - offsets.shape[0]))

    undo.callback(site.text_norm.register_forward_hook(add).remove)
