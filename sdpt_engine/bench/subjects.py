"""What is measured on: a detector, images that it sees, and labels to tune on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
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
from sdpt_engine.backbones.base import Detector, DetectorOutput, EncodedImage, EncodedText
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.bench.plain import whole_output
from sdpt_engine.data import load_image_upright
from sdpt_engine.errors import EngineError
from sdpt_engine.losses import Target, detection_loss
from sdpt_engine.prompt import PromptSet
from sdpt_engine.types import Example, ObjectClass, Pixels, PromptConfig

NUM_TOKENS = 16
RANDOM_CLASSES = (
    ObjectClass(0, "cat", "cat"),
    ObjectClass(1, "dog", "dog"),
    ObjectClass(2, "traffic light", "traffic light"),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A detector with a batch of equally large images, encoded and as pixels, and their labels."""

    name: str
    detector: GroundingDinoDetector
    classes: tuple[ObjectClass, ...]
    images: tuple[Pixels, ...]
    pixels: Tensor  # [B, 3, h, w]
    encoded: tuple[EncodedImage, ...]
    text: EncodedText
    targets: tuple[Target, ...]

    @classmethod
    def of(
        cls,
        name: str,
        detector: GroundingDinoDetector,
        classes: Sequence[ObjectClass],
        labelled: Sequence[tuple[Pixels, Target]],
    ) -> Subject:
        images = [image for image, _ in labelled]
        caption = detector.captions(classes)[0]
        return cls(
            name=name,
            detector=detector,
            classes=tuple(classes),
            images=tuple(images),
            pixels=torch.stack([detector.preprocess(image) for image in images]),
            encoded=tuple(detector.encode_images(images)),
            text=detector.encode_text(caption),
            targets=tuple(target.to(detector.device) for _, target in labelled),
        )

    def prompts(self, layers: str = "all") -> PromptSet:
        """Plain shared tokens on the fusion layers that `layers` names."""
        config = PromptConfig(num_tokens=NUM_TOKENS, is_anchored=False, layers=layers)
        ids = [item.id for item in self.classes]
        prompts = PromptSet(self.detector.fusion_sites(), ids, config)
        prompts.prepare(self.detector, (), ())
        return prompts.to(self.detector.device)

    def advanced(self, prompts: PromptSet) -> Subject:
        """With the encoder's state before the first prompted layer as what is cached."""
        images = self.detector.advanced(self.encoded, self.text, prompts.first_layer)
        return replace(self, encoded=tuple(images))

    def loss_of(self, output: DetectorOutput) -> Tensor:
        return detection_loss(output, self.targets, self.text.caption)[0]

    def tuning_loss(self, prompts: PromptSet) -> Tensor:
        """The loss of a tuning step, from what is cached."""
        return self.loss_of(self.detector.detect(self.encoded, self.text, prompts))

    def whole_loss(self) -> Tensor:
        """The loss of a step through the whole model, as it is at the moment."""
        return self.loss_of(whole_output(self.detector.model, self.pixels, self.text.caption))


def require_family(detector: Detector) -> GroundingDinoDetector:
    """The detector, if transformers has a model of its own to compare it with."""
    if not isinstance(detector, GroundingDinoDetector):
        raise EngineError(
            f"Speed is measured beside transformers' Grounding DINO, and '{detector.name}' is none. "
            "Name another backbone."
        )
    return detector


def from_examples(
    detector: GroundingDinoDetector, classes: Sequence[ObjectClass], examples: Sequence[Example]
) -> Subject:
    """Real photographs with their labels."""
    labelled = []
    for example in examples:
        image = load_image_upright(example.image_path)
        height, width = image.shape[:2]
        boxes = torch.from_numpy(example.boxes) / torch.tensor([width, height, width, height])
        labelled.append((image, _target(boxes, torch.from_numpy(example.labels))))
    return Subject.of(detector.name, detector, classes, labelled)


def random_subject(size_hw: tuple[int, int], *, is_tiny: bool = False) -> Subject:
    """A random Grounding DINO with Swin-T and a BERT of base size, on one picture of noise."""
    torch.manual_seed(0)
    config = _tiny_config() if is_tiny else GroundingDinoConfig()
    model = GroundingDinoForObjectDetection(config)
    tokenizer = BertTokenizer(str(nano_folder() / "vocab.txt"))
    name = "tiny random" if is_tiny else "Swin-T-sized random"
    detector = GroundingDinoDetector(name, model, tokenizer, _to_pixels, torch.device("cpu"))
    return from_noise(detector, RANDOM_CLASSES, size_hw, number=1)


def from_noise(
    detector: GroundingDinoDetector,
    classes: Sequence[ObjectClass],
    size_hw: tuple[int, int],
    *,
    number: int,
) -> Subject:
    """Pictures of noise with random boxes."""
    noise = np.random.default_rng(0)
    labelled = []
    for _ in range(number):
        image = noise.integers(0, 255, (*size_hw, 3), dtype=np.uint8)
        low = torch.from_numpy(noise.random((8, 2), dtype=np.float32)) * 0.7
        side = 0.05 + torch.from_numpy(noise.random((8, 2), dtype=np.float32)) * 0.2
        boxes = torch.cat((low, low + side), dim=1)
        labelled.append((image, _target(boxes, torch.arange(8) % len(classes))))
    name = f"{detector.name}, {size_hw[1]} x {size_hw[0]} px"
    return Subject.of(name, detector, classes, labelled)


def _target(corners: Tensor, classes: Tensor) -> Target:
    low, high = corners[:, :2], corners[:, 2:]
    return Target(
        boxes=torch.cat(((low + high) / 2, high - low), dim=1),
        classes=classes,
        is_exhaustive=True,
        negatives=torch.zeros(0, 4),
        negative_classes=torch.zeros(0, dtype=torch.long),
    )


def _to_pixels(image: Pixels) -> Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255 - 0.5


def _tiny_config() -> GroundingDinoConfig:
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
    return GroundingDinoConfig(
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
