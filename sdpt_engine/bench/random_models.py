"""Detectors with random weights, by name: as large as published ones, whose weights need not be here, or tiny."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    SwinConfig,
)

from sdpt_engine.backbones import nano_folder
from sdpt_engine.backbones.base import Detector
from sdpt_engine.backbones.glip import GlipConfig, GlipModel
from sdpt_engine.backbones.glip.config import BertSizes, InputSettings, SwinSizes
from sdpt_engine.backbones.glip.detector import GlipDetector
from sdpt_engine.backbones.glip.model import read_vocabulary
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.types import Pixels

SWIN_T_SIZED, TINY_GROUNDING_DINO = "Swin-T-sized random", "tiny random"
GLIP_T_SIZED, TINY_GLIP = "GLIP-T-sized random", "tiny random GLIP"

_CPU = torch.device("cpu")


def random_detector(name: str, size_hw: tuple[int, int]) -> Detector:
    """The detector `name`, which takes pictures of this size as they are."""
    torch.manual_seed(0)
    return _MAKERS[name](name, size_hw)


def is_random_model(name: str) -> bool:
    return name in _MAKERS


def _large_dino(name: str, size_hw: tuple[int, int]) -> Detector:
    return _dino(name, GroundingDinoConfig())


def _tiny_dino(name: str, size_hw: tuple[int, int]) -> Detector:
    swin = SwinConfig(
        image_size=64,
        embed_dim=16,
        depths=[1, 1, 1],
        num_heads=[2, 2, 2],
        window_size=4,
        out_features=["stage2", "stage3"],
    )
    bert = BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    config = GroundingDinoConfig(
        backbone_config=swin,
        text_config=bert,
        d_model=64,
        encoder_layers=4,
        decoder_layers=2,
        encoder_ffn_dim=128,
        decoder_ffn_dim=64,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        num_feature_levels=3,
        num_queries=10,
        max_text_len=64,
    )
    return _dino(name, config)


def _dino(name: str, config: GroundingDinoConfig) -> Detector:
    tokenizer = BertTokenizer(str(nano_folder() / "vocab.txt"))
    model = GroundingDinoForObjectDetection(config)
    return GroundingDinoDetector(name, model, tokenizer, _to_pixels, _CPU)


def _to_pixels(image: Pixels) -> Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255 - 0.5


def _large_glip(name: str, size_hw: tuple[int, int]) -> Detector:
    return _glip(name, GlipConfig(inputs=_as_they_are(size_hw)))


def _tiny_glip(name: str, size_hw: tuple[int, int]) -> Detector:
    config = GlipConfig(
        swin=SwinSizes(embed_dim=16, depths=(1, 1, 1, 1), num_heads=(2, 2, 2, 2), window_size=4),
        bert=BertSizes(
            hidden_size=48, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
        ),
        channels=32,
        num_fusion_layers=4,
        fusion_width=128,
        fusion_heads=4,
        inputs=_as_they_are(size_hw),
    )
    return _glip(name, config)


def _as_they_are(size_hw: tuple[int, int]) -> InputSettings:
    return InputSettings(min_size_px=min(size_hw), max_size_px=max(size_hw))


def _glip(name: str, config: GlipConfig) -> Detector:
    words = read_vocabulary(nano_folder() / "vocab.txt", config.bert.vocab_size)
    return GlipDetector(name, GlipModel(config, words), _CPU)


_MAKERS: Mapping[str, Callable[[str, tuple[int, int]], Detector]] = {
    SWIN_T_SIZED: _large_dino,
    TINY_GROUNDING_DINO: _tiny_dino,
    GLIP_T_SIZED: _large_glip,
    TINY_GLIP: _tiny_glip,
}
