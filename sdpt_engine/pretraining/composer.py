"""Scenes of several objects, with a box around what can be seen of each. Same seed and index, same scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.pretraining.backgrounds import SURFACES, paint_background
from sdpt_engine.pretraining.camera import photograph
from sdpt_engine.pretraining.layers import Layer, Pose, lay, make_layer
from sdpt_engine.pretraining.material import Material
from sdpt_engine.pretraining.visibility import Stack
from sdpt_engine.types import Boxes, Pixels, no_boxes

_PLACES_TRIED = 16
_CLEAR = 0.97


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """What scenes look like. Shares are of all scenes; what they leave is a plain scene of a few objects."""

    sizes_wh: tuple[tuple[int, int], ...] = ((640, 480), (560, 420), (480, 360), (480, 640))
    single_share: float = 0.15
    crowded_share: float = 0.2
    small_share: float = 0.15
    empty_share: float = 0.05
    max_objects: int = 6
    """Labelled objects at the most."""
    max_distractors: int = 5
    """Unlabelled objects at the most; twice as many in a crowded scene."""
    object_size: tuple[float, float] = (0.15, 0.45)
    """Longest side of an object as a share of the image's shorter one."""
    small_size: tuple[float, float] = (0.07, 0.14)
    single_size: tuple[float, float] = (0.4, 0.85)
    turned_share: float = 0.2
    """Objects that lie any way round; the others stand nearly upright."""
    slant: float = 0.09
    truncated_share: float = 0.12
    """Objects that may reach over the border of the image."""
    overlapping_share: float = 0.35
    """Objects that may cover others as far as `min_visible` allows; the rest keep clear of them if they can."""
    min_visible: float = 0.3
    """An object keeps its box while this share of it can be seen."""
    camera_strength: float = 0.6
    backgrounds: tuple[str, ...] = tuple(SURFACES)
    photographs: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.backgrounds) - set(SURFACES))
        if unknown or not (self.backgrounds or self.photographs):
            raise InvalidExampleError(
                f"Backgrounds are {', '.join(SURFACES)} or photographs, found {list(self.backgrounds)}."
            )
        if self.empty_share + self.single_share + self.crowded_share + self.small_share > 1:
            raise InvalidExampleError(
                "The shares of empty, single, crowded and small scenes exceed 1."
            )


@dataclass(frozen=True, slots=True)
class Scene:
    """Pixels [H, W, 3], and for each labelled object its box (xyxy) and its concept."""

    pixels: Pixels
    boxes: Boxes
    concepts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    num_objects: int
    num_distractors: int
    size: tuple[float, float]


def compose(
    material: Material,
    concepts: Sequence[str],
    *,
    seed: int,
    index: int = 0,
    distractors: Sequence[str] = (),
    settings: SceneSettings | None = None,
) -> Scene:
    """Scene number `index` of a series: objects of `concepts` with boxes, `distractors` without."""
    settings = settings or SceneSettings()
    rng = np.random.default_rng([seed, index])
    size_wh = settings.sizes_wh[int(rng.integers(len(settings.sizes_wh)))]
    canvas = paint_background(rng, size_wh, settings.backgrounds, photographs=settings.photographs)
    plan = _plan(rng, settings)
    wanted = [(_pick(rng, concepts), True) for _ in range(plan.num_objects)]
    if distractors:
        wanted += [(_pick(rng, distractors), False) for _ in range(plan.num_distractors)]
    stack, labelled = Stack(size_wh, min_visible=settings.min_visible), list[str | None]()
    light_xy = (float(rng.uniform(-1, 1)), float(rng.uniform(0.2, 1)))
    for place in rng.permutation(len(wanted)):
        concept, is_labelled = wanted[place]
        layer = _cut_out_layer(rng, material, concept, plan, settings, min(size_wh))
        placed = _placed(rng, stack, layer, settings)
        if placed is not None:
            lay(rng, canvas, placed, light_xy)
            stack.add(placed)
            labelled.append(concept if is_labelled else None)
    return _scene(photograph(rng, canvas, strength=settings.camera_strength), stack, labelled)


def _plan(rng: Generator, settings: SceneSettings) -> _Plan:
    draw, at_most = rng.random(), settings.max_distractors
    several = int(rng.integers(1, settings.max_objects + 1))
    if (draw := draw - settings.empty_share) < 0:
        return _Plan(0, int(rng.integers(0, at_most + 1)), settings.object_size)
    if (draw := draw - settings.single_share) < 0:
        return _Plan(1, int(rng.integers(0, 2)), settings.single_size)
    if (draw := draw - settings.crowded_share) < 0:
        least = max(1, settings.max_objects - 2)
        num_objects = int(rng.integers(least, settings.max_objects + 1))
        return _Plan(num_objects, int(rng.integers(at_most, 2 * at_most + 1)), settings.object_size)
    size = settings.small_size if draw < settings.small_share else settings.object_size
    return _Plan(several, int(rng.integers(0, at_most + 1)), size)


def _cut_out_layer(
    rng: Generator,
    material: Material,
    concept: str,
    plan: _Plan,
    settings: SceneSettings,
    short_side: int,
) -> Layer:
    drawings = material[concept]
    is_turned = rng.random() < settings.turned_share
    pose = Pose(
        size=short_side * float(np.exp(rng.uniform(*np.log(plan.size)))),
        turn=float(rng.uniform(-180, 180) if is_turned else rng.normal(0, 12)),
        slant=settings.slant * float(rng.random()),
        is_mirrored=bool(rng.random() < 0.5),
        feather=float(rng.uniform(0.3, 0.8)),
    )
    return make_layer(rng, drawings[int(rng.integers(len(drawings)))].pixels, pose)


def _placed(rng: Generator, stack: Stack, layer: Layer, settings: SceneSettings) -> Layer | None:
    """The layer where all objects keep their boxes, itself included; None if no such place was found."""
    over = 0.6 if rng.random() < settings.truncated_share else 0.0
    room = np.array(stack.size_wh) - layer.size_wh
    beyond = over * np.array(layer.size_wh)
    strict = settings.min_visible if rng.random() < settings.overlapping_share else _CLEAR
    for least in np.linspace(strict, settings.min_visible, _PLACES_TRIED):
        low, high = np.minimum(-beyond, room + beyond), np.maximum(-beyond, room + beyond)
        left, top = rng.uniform(low, high)
        placed = layer.at(round(left), round(top))
        if stack.has_room_for(placed, others_visible=float(least)):
            return placed
    return None


def _scene(pixels: Pixels, stack: Stack, labelled: Sequence[str | None]) -> Scene:
    found = [
        (concept, box)
        for concept, box in zip(labelled, stack.boxes(), strict=True)
        if concept is not None and box is not None
    ]
    boxes = np.array([box for _, box in found], dtype=np.float32) if found else no_boxes()
    return Scene(pixels, boxes, tuple(concept for concept, _ in found))


def _pick(rng: Generator, names: Sequence[str]) -> str:
    return names[int(rng.integers(len(names)))]
