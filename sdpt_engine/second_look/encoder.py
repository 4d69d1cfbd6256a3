"""The frozen image encoder that looks at cut-outs: that of nano, behind any detector."""

from __future__ import annotations

import torch

from sdpt_engine.backbones import nano_folder
from sdpt_engine.backbones.efficientnet_lite import EfficientNetLite0, load_folded


def load_encoder(device: torch.device) -> EfficientNetLite0:
    """As it ships, without gradients."""
    encoder: EfficientNetLite0 = load_folded(nano_folder() / "image_encoder.safetensors")
    return encoder.requires_grad_(False).to(device)
