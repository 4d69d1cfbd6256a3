"""What is measured on: a detector and its rival, images that both see, and labels to tune on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sdpt_engine.backbones.base import Detector, DetectorOutput, EncodedImage, EncodedText
from sdpt_engine.bench.plain import rival_of
from sdpt_engine.bench.random_models import random_detector
from sdpt_engine.bench.rival import Rival
from sdpt_engine.data import load_image_upright
from sdpt_engine.losses import Target
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
    rival: Rival
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
        detector: Detector,
        classes: Sequence[ObjectClass],
        labelled: Sequence[tuple[Pixels, Target]],
    ) -> Subject:
        """Raises EngineError for a detector that has no rival."""
        images, rival = [image for image, _ in labelled], rival_of(detector)
        caption = detector.captions(classes)[0]
        return cls(
            name=name,
            rival=rival,
            classes=tuple(classes),
            images=tuple(images),
            pixels=rival.pixels(images),
            encoded=tuple(detector.encode_images(images)),
            text=detector.encode_text(caption),
            targets=tuple(target.to(detector.device) for _, target in labelled),
        )

    @property
    def detector(self) -> Detector:
        return self.rival.detector

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
        return self.detector.loss(output, self.targets, self.text.caption)[0]

    def tuning_loss(self, prompts: PromptSet) -> Tensor:
        """The loss of a tuning step, from what is cached."""
        return self.loss_of(self.detector.detect(self.encoded, self.text, prompts))

    def whole_output(self) -> DetectorOutput:
        """What the rival makes of the pixels, with the model as it is at the moment."""
        sizes_wh = [image.size_wh for image in self.encoded]
        return self.rival.whole(self.pixels, sizes_wh, self.text.caption)

    def whole_loss(self) -> Tensor:
        """The loss of a step through the whole model."""
        return self.loss_of(self.whole_output())


def from_examples(
    detector: Detector, classes: Sequence[ObjectClass], examples: Sequence[Example]
) -> Subject:
    """Real photographs with their labels."""
    labelled = []
    for example in examples:
        image = load_image_upright(example.image_path)
        height, width = image.shape[:2]
        boxes = torch.from_numpy(example.boxes) / torch.tensor([width, height, width, height])
        labelled.append((image, _target(boxes, torch.from_numpy(example.labels))))
    return Subject.of(detector.name, detector, classes, labelled)


def random_subject(model: str, size_hw: tuple[int, int]) -> Subject:
    """A model of `random_models` on one picture of noise."""
    detector = random_detector(model, size_hw)
    return from_noise(detector, RANDOM_CLASSES, size_hw, number=1)


def from_noise(
    detector: Detector,
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
