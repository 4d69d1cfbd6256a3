"""Images in, proposals out: a numpy face over the frozen detector and tuned prompts, if there are any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from sdpt_engine.adaptation import Adaptation
from sdpt_engine.asking import Asked, ask
from sdpt_engine.backbones.base import Detector, EncodedImage
from sdpt_engine.bundle import PromptBundle
from sdpt_engine.data import load_image_upright
from sdpt_engine.decoding import among_all, to_prediction
from sdpt_engine.ensemble import merged
from sdpt_engine.second_look.look import SecondLook
from sdpt_engine.types import ObjectClass, Pixels, Prediction


class Predictor:
    """Proposes boxes of `classes` with `detector`, prompted by `bundle` if there is one.

    Texts are encoded once. Raises ForeignBackboneError when the bundle was tuned on another detector,
    VocabularyError when a class cannot be put into words.
    """

    def __init__(
        self,
        detector: Detector,
        classes: Sequence[ObjectClass],
        bundle: PromptBundle | None = None,
        *,
        min_score: float = 0.05,
        max_detections: int = 100,
        nms_iou: float = 0.7,
        duplicate_iou: float = 0.9,
    ) -> None:
        self.detector = detector
        self.classes = tuple(classes)
        self.adaptations: tuple[Adaptation | None, ...] = (None,)
        self.second_look: SecondLook | None = None
        if bundle is not None:
            self.adaptations = tuple(p.export_kv() for p in bundle.prompts_for(detector))
            self.second_look = bundle.second_look(detector.device, self.classes)
        self._asked = ask(detector, self.classes)
        self._limits = {
            "min_score": min_score,
            "nms_iou": nms_iou,
            "duplicate_iou": duplicate_iou,
        }
        self._max_detections = max_detections

    def predict(self, images: Sequence[Path | Pixels]) -> list[Prediction]:
        """Proposals per image, best first; boxes in pixels of the upright image.

        Raises ImageUnreadableError for a path that cannot be decoded.
        """
        pixels = [load_image_upright(i) if isinstance(i, Path) else i for i in images]
        found = self.predict_encoded(self.detector.encode_images(pixels))
        if self.second_look is None:
            return found
        return [
            self.second_look.again(
                image,
                prediction,
                min_score=self._limits["min_score"],
                max_detections=self._max_detections,
                nms_iou=self._limits["nms_iou"],
            )
            for image, prediction in zip(pixels, found, strict=True)
        ]

    def predict_encoded(self, images: Sequence[EncodedImage]) -> list[Prediction]:
        """Like `predict`, from images that are behind the frozen encoder already: without a second look."""
        return self.predict_asked([images] * len(self._asked))

    @torch.no_grad()
    def predict_asked(self, per_caption: Sequence[Sequence[EncodedImage]]) -> list[Prediction]:
        """Like `predict_encoded`, from the same images as they are for each caption."""
        if not per_caption or not per_caption[0]:
            return []
        of_each = [self._predict_with(one, per_caption) for one in self.adaptations]
        return [
            merged(
                members,
                min_score=self._limits["min_score"],
                max_detections=self._max_detections,
            )
            for members in zip(*of_each, strict=True)
        ]

    def _predict_with(
        self, adaptation: Adaptation | None, per_caption: Sequence[Sequence[EncodedImage]]
    ) -> list[Prediction]:
        parts = [
            self._candidates(images, asked, adaptation)
            for asked, images in zip(self._asked, per_caption, strict=True)
        ]
        scores = torch.cat([part[0] for part in parts], dim=1)  # [B, K of all captions, C]
        boxes = torch.cat([part[1] for part in parts], dim=1)
        # What the other members do not find must not be lost before the scores are averaged.
        limits = {**self._limits, "min_score": self._limits["min_score"] / len(self.adaptations)}
        return [
            to_prediction(s, b, image.size_wh, max_detections=self._max_detections, **limits)
            for s, b, image in zip(scores, boxes, per_caption[0], strict=True)
        ]

    def _candidates(
        self, images: Sequence[EncodedImage], asked: Asked, adaptation: Adaptation | None
    ) -> tuple[Tensor, Tensor]:
        output = self.detector.detect(images, asked.text, adaptation)
        scores, boxes = self.detector.candidates(output, asked.text.caption)
        columns = torch.tensor(asked.places, device=scores.device)
        return among_all(scores, columns, len(self.classes)), boxes
