"""GLIP (Li et al. 2022) in plain PyTorch: Swin, BERT, deep fusion and a dense head on five levels.

Written anew; equal to the original's numbers, and loading its checkpoints after `convert_checkpoint`.
"""

from __future__ import annotations

from sdpt_engine.backbones.glip.config import GlipConfig
from sdpt_engine.backbones.glip.model import GlipModel

__all__ = ["GlipConfig", "GlipModel"]
