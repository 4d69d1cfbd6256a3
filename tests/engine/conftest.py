"""Small real detectors: a random one of each family, and nano."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    SwinConfig,
)

from sdpt_engine.backbones import load_detector, nano_folder
from sdpt_engine.backbones.base import Detector, EncodedImage, EncodedText
from sdpt_engine.backbones.glip import GlipConfig, GlipModel
from sdpt_engine.backbones.glip.config import BertSizes, InputSettings, SwinSizes
from sdpt_engine.backbones.glip.detector import GlipDetector
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.types import ObjectClass

CLASSES = (ObjectClass(7, "nut", "nut"), ObjectClass(3, "bolt nut set", "bolt nut set"))
FAMILIES = ("grounding-dino", "mm-grounding-dino")
GLIP = "glip"


def tiny_model(family: str) -> GroundingDinoForObjectDetection | MMGroundingDinoForObjectDetection:
    """A random model with all parts of the real one, some hundred thousand parameters."""
    torch.manual_seed(0)
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
    sizes = {
        "backbone_config": swin,
        "text_config": bert,
        "d_model": 64,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_ffn_dim": 128,
        "decoder_ffn_dim": 64,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "num_feature_levels": 3,
        "num_queries": 10,
        "max_text_len": 64,
    }
    if family == "grounding-dino":
        return GroundingDinoForObjectDetection(GroundingDinoConfig(**sizes)).eval()
    return MMGroundingDinoForObjectDetection(MMGroundingDinoConfig(**sizes)).eval()


def to_pixels(image: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255 - 0.5


def tiny_glip_config() -> GlipConfig:
    """All parts of the real one; image and text widths differ."""
    return GlipConfig(
        swin=SwinSizes(embed_dim=16, depths=(1, 1, 1, 1), num_heads=(2, 2, 2, 2), window_size=4),
        bert=BertSizes(
            hidden_size=48, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
        ),
        channels=64,
        num_fusion_layers=2,
        fusion_width=128,
        fusion_heads=2,
        inputs=InputSettings(min_size_px=64, max_size_px=96, max_text_tokens=64),
    )


def tiny_glip() -> GlipDetector:
    """A random GLIP; its gates are open from the start."""
    torch.manual_seed(0)
    words = (nano_folder() / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    return GlipDetector("tiny", GlipModel(tiny_glip_config(), words), torch.device("cpu"))


def tiny_grounding_dino(family: str) -> GroundingDinoDetector:
    """Opened gates make fusion matter."""
    model = tiny_model(family)
    for layer in model.model.encoder.layers:
        layer.fusion_layer.vision_param.data.fill_(0.5)
        layer.fusion_layer.text_param.data.fill_(0.5)
    tokenizer = BertTokenizer(str(nano_folder() / "vocab.txt"))
    return GroundingDinoDetector("tiny", model, tokenizer, to_pixels, torch.device("cpu"))


@pytest.fixture(scope="session", params=(*FAMILIES, GLIP))
def tiny_detector(request: pytest.FixtureRequest) -> Detector:
    """A random Grounding DINO, then a random MM-Grounding-DINO, then a random GLIP."""
    return tiny_glip() if request.param == GLIP else tiny_grounding_dino(request.param)


@pytest.fixture(scope="session", params=FAMILIES)
def tiny_dino(request: pytest.FixtureRequest) -> GroundingDinoDetector:
    """Those of transformers, whose own forward pass is the measure."""
    return tiny_grounding_dino(request.param)


@pytest.fixture(scope="session")
def nano() -> Detector:
    return load_detector("nano", device="cpu")


@pytest.fixture(scope="session")
def classes() -> tuple[ObjectClass, ...]:
    return CLASSES


@pytest.fixture(scope="session")
def sample_folder() -> Path:
    return Path(__file__).parents[2] / "assets" / "samples" / "bccd"


@pytest.fixture
def inputs(
    tiny_detector: Detector, classes: tuple[ObjectClass, ...]
) -> tuple[list[EncodedImage], EncodedText]:
    """Two images of unequal size, so that the smaller one is padded."""
    return encoded_noise(tiny_detector, classes)


@pytest.fixture
def dino_inputs(
    tiny_dino: GroundingDinoDetector, classes: tuple[ObjectClass, ...]
) -> tuple[list[EncodedImage], EncodedText]:
    return encoded_noise(tiny_dino, classes)


def encoded_noise(
    detector: Detector, classes: tuple[ObjectClass, ...]
) -> tuple[list[EncodedImage], EncodedText]:
    noise = np.random.default_rng(0)
    sizes = ((64, 96, 3), (96, 64, 3))
    images = [noise.integers(0, 255, size, dtype=np.uint8) for size in sizes]
    (caption,) = detector.captions(classes)
    return detector.encode_images(images), detector.encode_text(caption)
