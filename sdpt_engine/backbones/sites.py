"""Where prompts attach, by the names that both families give to the parts of their fusion attention."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from torch import nn

from sdpt_engine.backbones.base import FusionSite


def attention_site(number: int, attention: Any, text_norm: nn.Module) -> FusionSite:
    """The site of fusion layer `number`; `attention` has the attribute names of transformers."""
    return FusionSite(
        layer=number,
        attention=attention,
        image_projection=attention.vision_proj,
        text_projection=attention.text_proj,
        image_values=attention.values_vision_proj,
        text_values=attention.values_text_proj,
        image_output=attention.out_vision_proj,
        text_output=attention.out_text_proj,
        text_norm=text_norm,
        num_heads=int(attention.num_heads),
    )


def digest_of(sites: Sequence[FusionSite]) -> str:
    """sha256 over the projections that a prompt is tied to."""
    digest = hashlib.sha256()
    for site in sites:
        for projection in (site.image_projection, site.text_projection):
            digest.update(projection.weight.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
