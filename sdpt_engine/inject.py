"""Puts a prompt into a frozen detector for the length of a `with` block, and takes it out again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor, nn

from sdpt_engine.fusion import PromptedAttention
from sdpt_engine.prompt import PromptSet

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Caption, Detector, FusionSite


@contextmanager
def installed(detector: Detector, prompts: PromptSet | None, caption: Caption) -> Iterator[None]:
    """Swaps the fusion attentions; on leaving, by return or by error, the originals are back.

    Without prompts the detector is left as it is.
    """
    with ExitStack() as undo:
        if prompts is None:
            yield
            return
        for site in detector.fusion_sites():
            prompt = prompts.layer(site.layer)
            if prompt is None:
                continue
            stand_in = PromptedAttention(site.attention, prompt, logit_bias=prompts.logit_bias)
            stand_in.eval()
            undo.callback(detector.replace_attention, site.layer, site.attention)
            detector.replace_attention(site.layer, stand_in)
            if prompts.is_anchored:
                member = prompts.membership(caption).to(prompt.anchored.device)
                _add_to_text(site, member @ prompt.class_offsets(), undo)
        yield


def _add_to_text(site: FusionSite, offsets: Tensor, undo: ExitStack) -> None:
    """Adds offsets [T, dt] behind the text LayerNorm, hence to the residual as well.

    Inside the attention alone, a small fusion gate would leave the class tokens no leverage.
    """

    def add(_module: nn.Module, _inputs: Any, normed: Tensor) -> Tensor:
        return normed + F.pad(offsets, (0, 0, 0, normed.shape[1] - offsets.shape[0]))

    undo.callback(site.text_norm.register_forward_hook(add).remove)
