"""The frozen image encoder: Swin and a feature pyramid of five levels, P3 to P7.

B images, C pyramid channels, h and w of a level: stride 8, 16, 32, 64, 128.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F
from transformers import SwinBackbone, SwinConfig

from sdpt_engine.backbones.glip.config import GlipConfig, SwinSizes


def build_swin(sizes: SwinSizes) -> Any:
    """Swin v1 whose stages from the second on are normalised and handed out."""
    stages = [f"stage{number}" for number in range(2, len(sizes.depths) + 1)]
    swin = SwinBackbone(
        SwinConfig(
            embed_dim=sizes.embed_dim,
            depths=list(sizes.depths),
            num_heads=list(sizes.num_heads),
            window_size=sizes.window_size,
            mlp_ratio=sizes.mlp_ratio,
            drop_path_rate=0.0,
            layer_norm_eps=1e-5,
            out_features=stages,
        )
    )
    swin.swin.layernorm = nn.Identity()  # of the classifier; the pyramid takes the stages
    return swin


class FeaturePyramid(nn.Module):
    """Three maps to five: lateral 1 x 1, top-down by nearest neighbour, 3 x 3; two strided levels on top."""

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.outputs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in widths)
        self.p6 = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.p7 = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """[B, width, h, w] at strides 8, 16, 32 to [B, C, h, w] at five strides."""
        laterals = [lateral(m) for lateral, m in zip(self.laterals, maps, strict=True)]
        for number in range(len(laterals) - 1, 0, -1):
            size = laterals[number - 1].shape[-2:]
            coarse = F.interpolate(laterals[number], size=size, mode="nearest")
            laterals[number - 1] = laterals[number - 1] + coarse
        levels = [output(m) for output, m in zip(self.outputs, laterals, strict=True)]
        p6 = self.p6(levels[-1])
        return (*levels, p6, self.p7(F.relu(p6)))


class ImageEncoder(nn.Module):
    """What is constant of an image while a prompt is tuned."""

    def __init__(self, config: GlipConfig) -> None:
        super().__init__()
        self.swin = build_swin(config.swin)
        widths = [config.swin.embed_dim * 2**n for n in range(1, len(config.swin.depths))]
        self.pyramid = FeaturePyramid(widths, config.channels)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """[B, 3, H, W] to five maps [B, C, h, w]."""
        levels: tuple[Tensor, ...] = self.pyramid(self.swin(pixels).feature_maps)
        return levels
