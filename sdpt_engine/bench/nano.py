"""What the shipped nano is worth: composed scenes, real sets, cost; each figure beside what was asked of it.

Nothing here was looked at while nano was trained, but for the composed scenes' material: the same drawings in other
scenes for what it has seen, other drawings for what it has not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from sdpt_engine.backbones import load_detector
from sdpt_engine.backbones.base import Detector
from sdpt_engine.bench.few_shot import Plan
from sdpt_engine.bench.sets import load_set
from sdpt_engine.data import load_image_upright
from sdpt_engine.predictor import Predictor
from sdpt_engine.pretraining.judging import accuracy, questions, recall
from sdpt_engine.pretraining.material import EmojiMaterial, Material
from sdpt_engine.pretraining.names import read_names, taught_names
from sdpt_engine.types import ObjectClass

SCENE_SEED = 20_260
_ANYTHING = ObjectClass(0, "object", "object")
FEW_SHOTS = 5
_TIMED_IMAGES = 20


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, and the least (or, for a cost, the most) that was asked for."""

    what: str
    value: float
    unit: str
    wanted: float | None = None
    is_cost: bool = False

    @property
    def is_met(self) -> bool | None:
        if self.wanted is None:
            return None
        return self.value <= self.wanted if self.is_cost else self.value >= self.wanted


@dataclass(frozen=True, slots=True)
class Names:
    """Concepts that nano was taught, and those that were kept back."""

    taught: tuple[str, ...]
    held_out: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Names:
        kept_back = folder / "held_out_concepts.txt"
        return cls(taught_names(folder / "concepts.txt", kept_back), read_names(kept_back))


def material_of(names: Names, *, font: Path, fluent: Path) -> Material:
    """All drawings. Raises MaterialMissingError, which says how to fetch them."""
    return EmojiMaterial((*names.taught, *names.held_out), font=font, fluent=fluent)


def composed_figures(detector: Detector, material: Material, names: Names) -> Iterator[Figure]:
    """Accuracy and recall on composed scenes, and what is left of it without fusion."""
    series = (("seen", names.taught, 0.85), ("never seen", names.held_out, 0.40))
    for label, concepts, wanted in series:
        asked = questions(material, concepts, seed=SCENE_SEED)
        metrics = accuracy(detector, asked, concepts)
        yield Figure(f"composed, {label} concepts: AP50", metrics.ap50, "", wanted)
        yield Figure(f"composed, {label} concepts: AP", metrics.ap, "")
        if label == "seen":
            with without_fusion(detector):
                closed = accuracy(detector, asked, concepts)
            yield Figure("composed, seen concepts, fusion shut: AP50", closed.ap50, "")
        named = [
            (
                q.scene.pixels,
                q.scene.boxes,
                tuple(ObjectClass(k, n, n) for k, n in enumerate(q.asked)),
            )
            for q in asked
        ]
        yield Figure(f"composed, {label} concepts: recall@100", recall(detector, named), "", 0.95)


def real_figures(detector: Detector, folders: Sequence[Path]) -> Iterator[Figure]:
    """Class-agnostic recall on the test images of each set: asked for "object", and for the set's own classes."""
    for folder in folders:
        labelled = load_set(folder)
        for words, classes in (("object", (_ANYTHING,)), ("its classes", labelled.classes)):
            images = [
                (load_image_upright(item.image_path), item.boxes, classes) for item in labelled.test
            ]
            name = f"{labelled.name}: recall@100, asked for {words}"
            yield Figure(name, recall(detector, images), "", 0.70)


def few_shot_plan(folders: Sequence[Path], backbone: str, *, seeds: int, steps: int) -> Plan:
    """Full fine-tuning as the upper bound, and SDPT, from five images of each class."""
    return Plan(
        sets=tuple(folders),
        methods=("zero-shot", "sdpt", "full"),
        shots=(FEW_SHOTS,),
        seeds=tuple(range(seeds)),
        steps=steps,
        backbone=backbone,
    )


def cost_figures(detector: Detector, folder: Path) -> Iterator[Figure]:
    """Milliseconds per image on one core, decoding of the file left out, everything else in."""
    labelled = load_set(folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        predictor = Predictor(detector, labelled.classes)
        images = [load_image_upright(item.image_path) for item in labelled.test[:_TIMED_IMAGES]]
        predictor.predict(images[:2])
        seconds = []
        for image in images:
            began = time.process_time()
            predictor.predict([image])
            seconds.append(time.process_time() - began)
    finally:
        torch.set_num_threads(threads)
    yield Figure("processor time per image", 1000 * median(seconds), "ms", 150, is_cost=True)


def load(backbone: str) -> Detector:
    """nano, or a folder like it."""
    return load_detector(backbone, device="cpu")


@contextmanager
def without_fusion(detector: Detector) -> Iterator[None]:
    """What passes between image and text in the fusion layers is nothing."""
    model: Any = detector.model
    gates = [
        gate
        for layer in model.model.encoder.layers
        for gate in (layer.fusion_layer.vision_param, layer.fusion_layer.text_param)
    ]
    before = [gate.detach().clone() for gate in gates]
    with torch.no_grad():
        for gate in gates:
            gate.zero_()
    try:
        yield
    finally:
        with torch.no_grad():
            for gate, value in zip(gates, before, strict=True):
                gate.copy_(value)
