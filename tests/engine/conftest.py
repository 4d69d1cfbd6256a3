"""Small real detectors: two random ones of each family, and nano."""

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
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.types import ObjectClass

CLASSES = (ObjectClass(7, "nut", "nut"), ObjectClass(3, "bolt nut set", "bolt nut set"))
FAMILIES = ("grounding-dino", "mm-grounding-dino")


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


@pytest.fixture(scope="session", params=FAMILIES)
def tiny_detector(request: pytest.FixtureRequest) -> GroundingDinoDetector:
    """A random Grounding DINO, then a random MM-Grounding-DINO; opened gates make fusion matter."""
    model = tiny_model(request.param)
    for layer in model.model.encoder.layers:
        layer.fusion_layer.vision_param.data.fill_(0.5)
        layer.fusion_layer.text_param.data.fill_(0.5)
    tokenizer = BertTokenizer(str(nano_folder() / "vocab.txt"))
    return GroundingDinoDetector("tiny", model, tokenizer, to_pixels, torch.device("cpu"))


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
    tiny_detector: GroundingDinoDetector, classes: tuple[ObjectClass, ...]
) -> tuple[list[EncodedImage], EncodedText]:
    """Two images of unequal size, so that the smaller one is padded."""
    noise = np.random.default_rng(0)
    sizes = ((64, 96, 3), (96, 64, 3))
    images = [noise.integers(0, 255, size, dtype=np.uint8) for size in sizes]
    (caption,) = tiny_detector.captions(classes)
    return tiny_detector.encode_images(images), tiny_detector.encode_text(caption)
