"""The nouns of the engine, as plain arrays: importing this loads neither torch nor transformers.

Boxes are float32 [N, 4], x1 y1 x2 y2 in pixels of the upright image. Labels are int64 [N], indices into the
list of classes that travels with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdpt_engine.errors import InvalidExampleError

Boxes = NDArray[np.float32]
Labels = NDArray[np.int64]
Scores = NDArray[np.float32]
Pixels = NDArray[np.uint8]  # [H, W, 3] RGB

FEW_IMAGES = 6
"""With fewer labelled images none is held out: they judge each other in turns (k-fold)."""


def no_boxes() -> Boxes:
    return np.zeros((0, 4), np.float32)


def no_labels() -> Labels:
    return np.zeros((0,), np.int64)


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """A class as the engine sees it: an id that outlives renaming, a name, and the text the model reads."""

    id: int
    name: str
    prompt_text: str


@dataclass(frozen=True, slots=True)
class UsualSize:
    """Of the objects of a class, in pixels. `scatter` is the standard deviation of the logarithm of a side."""

    width: float
    height: float
    scatter: float


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled image. No boxes at all and `is_exhaustive` makes it a true negative.

    `negatives` are boxes where a class was proposed and rejected by a person.
    """

    image_path: Path
    boxes: Boxes
    labels: Labels
    is_exhaustive: bool = True
    negatives: Boxes = field(default_factory=no_boxes)
    negative_labels: Labels = field(default_factory=no_labels)

    def __post_init__(self) -> None:
        _check_boxes(self.boxes, self.labels, f"Example '{self.image_path.name}'")
        _check_boxes(self.negatives, self.negative_labels, f"Example '{self.image_path.name}'")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the detector proposes on one image, best first. `scores` float32 [N] in 0..1."""

    boxes: Boxes
    scores: Scores
    labels: Labels
    size_wh: tuple[int, int]

    def __post_init__(self) -> None:
        _check_boxes(self.boxes, self.labels, "Prediction")
        if self.scores.shape != (len(self.boxes),):
            raise InvalidExampleError(
                f"Prediction: scores must be [{len(self.boxes)}], found {list(self.scores.shape)}."
            )


@dataclass(frozen=True, slots=True)
class CategoryMetrics:
    """Average precision of one class in 0..1; nan where the ground truth has none of it."""

    ap: float
    ap50: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """COCO average precision (IoU .50:.95, and .50) over `num_images` images, in 0..1."""

    ap: float
    ap50: float
    per_category: Mapping[str, CategoryMetrics]
    num_images: int


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """What the learnt prompt is. The defaults were chosen by `bench few-shot --choose`, on training parts only."""

    num_tokens: int = 16
    """Shared prototype tokens m per fusion layer, 0 to 128; 0 leaves only the class-anchored ones."""
    is_anchored: bool = True
    """Whether each class owns a prototype token per layer besides the shared ones."""
    anchors_image: bool = False
    """Whether a class's token also joins the image side, where only the class's own words see it."""
    paths: str = "both"
    """Who sees shared tokens: both | text_only (only words: the released code's effect) | image_only (only pixels)."""
    kind: str = "unified"
    """unified (the paper) | independent (separate image and text tokens) | exact_key (Z itself is the key)."""
    layers: str = "all"
    """Fusion layers that are prompted: all | first-K | last-K | numbers from 0, such as 0,2."""
    init: str = "uniform"
    """uniform in -1..1 (the paper) | near_zero | data (means of labelled boxes and their phrases)."""
    logit_bias: float = 0.0
    """Added to shared tokens' logits, at the start if it is learnt; 0 is the published method."""
    fades_in: bool = True
    """Whether the shared tokens fade in over the first twentieth of the steps, so that step 0 is zero-shot."""
    learns_bias: bool = False
    """Whether each shared token learns its own logit bias from there."""
    learns_gates: bool = False
    """Whether a factor per channel on each fusion layer's output is learnt too, starting at 1."""
    learning_rate: float = 0.3
    """Adam's peak rate for the shared tokens, after the warm-up."""
    anchor_learning_rate: float = 0.3
    """Adam's peak rate for the anchored tokens."""
    gate_learning_rate: float = 0.03
    """Adam's peak rate for the factors on fusion outputs."""
    rcond: float = 1e-4
    """Singular values below this share of the largest count as zero in the inverse projections."""

    def __post_init__(self) -> None:
        if not 0 <= self.num_tokens <= 128:
            raise InvalidExampleError(
                f"num_tokens must lie between 0 and 128, found {self.num_tokens}."
            )
        if self.num_tokens == 0 and not self.is_anchored:
            raise InvalidExampleError("There is nothing to tune: no shared and no anchored tokens.")
        for name, known in _PROMPT_CHOICES.items():
            if getattr(self, name) not in known:
                raise InvalidExampleError(
                    f"{name} must be one of {', '.join(known)}; found '{getattr(self, name)}'."
                )
        if not _LAYERS.fullmatch(self.layers):
            raise InvalidExampleError(
                f"layers must be all, first-K, last-K or numbers such as 0,2; found '{self.layers}'."
            )


_PROMPT_CHOICES = {
    "paths": ("both", "text_only", "image_only"),
    "kind": ("unified", "independent", "exact_key"),
    "init": ("uniform", "near_zero", "data"),
}
_LAYERS = re.compile(r"all|(first|last)-[1-9]\d*|\d+(,\d+)*")

PLAIN_PROMPT = PromptConfig(is_anchored=False, learning_rate=1.0)
"""SDPT without tokens per class: the published method, but for the fade-in of its first steps."""


@dataclass(frozen=True, slots=True)
class TuneConfig:
    """How to tune. The defaults were chosen on the training parts of the shipped sets; `usual_config` betters them."""

    steps: int = 150
    """Optimiser steps at the most."""
    batch_size: int = 4
    """Images per step."""
    eval_every: int = 25
    """Steps between two looks at the held-out images."""
    patience: int = 4
    """Looks without a better held-out AP before tuning stops early."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient."""
    averaging: float = 0.985
    """A prompt is the mean of what it was step by step: each weighs this much of the next. 0: the last one alone."""
    num_zooms: int = 0
    """Views of each image at other scales, besides the plain and the mirrored one."""
    num_pastes: int = 0
    """Views of each image with objects of others laid onto it."""
    num_prompts: int = 1
    """Prompts that learn the same by other chances, whose findings are merged, where images are held out."""
    num_folds: int = 3
    """With fewer than six images and none held out, parts by which they judge each other; 0 or 1: never."""
    seed: int = 0
    prompt: PromptConfig = field(default_factory=PromptConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "num_zooms", "num_pastes", "seed"):
            self._check(name, at_least=0)
        for name in ("batch_size", "eval_every", "num_prompts"):
            self._check(name, at_least=1)
        if not 0.0 <= self.averaging <= 1.0:
            raise InvalidExampleError(
                f"averaging must lie between 0 and 1, found {self.averaging}."
            )

    def _check(self, name: str, *, at_least: int) -> None:
        if (found := getattr(self, name)) < at_least:
            raise InvalidExampleError(f"{name} must be at least {at_least}, found {found}.")


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step of tuning, for whoever watches."""

    step: int
    total_steps: int
    loss: float
    parts: Mapping[str, float]
    lr: float
    seconds: float
    val: Metrics | None = None
    part: int = 0
    """Which of `num_parts` runs, from 0: one for each prompt, or for each fold and then for all images."""
    num_parts: int = 1


def _check_boxes(boxes: Boxes, labels: Labels, owner: str) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype != np.float32:
        raise InvalidExampleError(
            f"{owner}: boxes must be float32 [N, 4], found {boxes.dtype} {list(boxes.shape)}."
        )
    if labels.shape != (len(boxes),) or labels.dtype != np.int64:
        raise InvalidExampleError(
            f"{owner}: labels must be int64 [{len(boxes)}], found {labels.dtype} {list(labels.shape)}."
        )
    if len(boxes) and not (np.isfinite(boxes).all() and (boxes[:, 2:] > boxes[:, :2]).all()):
        raise InvalidExampleError(f"{owner}: each box needs finite numbers with x2 > x1, y2 > y1.")
