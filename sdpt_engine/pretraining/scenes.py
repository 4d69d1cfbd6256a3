"""The scenes that nano learns from, each worked out from a seed and its number.

A scene shows few concepts, as photographs do, some of them many times; sizes, crowding and cameras vary widely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from sdpt_engine.pretraining.composer import Scene, SceneSettings, compose
from sdpt_engine.pretraining.material import Material

_MAX_CONCEPTS = {"plain": 6, "small": 6, "crowded": 12, "single": 1, "herd": 1}
_KINDS = ("plain", "crowded", "small", "single", "herd")
_SHARES = (0.38, 0.17, 0.2, 0.1, 0.15)


def compose_for_training(
    material: Material,
    concepts: Sequence[str],
    *,
    seed: int,
    index: int,
    size_wh: tuple[int, int],
    photographs: Sequence[Path] = (),
) -> Scene:
    """Scene `index` of the series `seed`, `size_wh` pixels; every object laid on it has a box and a name.

    It lies on one of the `photographs` where there are any, else on a surface.
    """
    rng = np.random.default_rng([seed, index, 1])
    kind = str(rng.choice(_KINDS, p=_SHARES))
    num_concepts = int(rng.integers(1, min(_MAX_CONCEPTS[kind], len(concepts)) + 1))
    chosen = [concepts[i] for i in rng.choice(len(concepts), num_concepts, replace=False)]
    settings = _settings(rng, kind, size_wh)
    if photographs:
        settings = replace(settings, backgrounds=(), photographs=tuple(photographs))
    return compose(material, chosen, seed=seed, index=index, settings=settings)


def _settings(rng: Generator, kind: str, size_wh: tuple[int, int]) -> SceneSettings:
    plain = SceneSettings(
        sizes_wh=(size_wh,),
        empty_share=0.03,
        single_share=0.0,
        crowded_share=0.0,
        small_share=0.0,
        max_distractors=0,
        max_objects=7,
        object_size=(0.12, 0.5),
        turned_share=float(rng.choice([0.1, 0.5])),
        slant=float(rng.uniform(0.0, 0.18)),
        overlapping_share=float(rng.uniform(0.1, 0.6)),
        camera_strength=float(rng.uniform(0.0, 1.0)),
    )
    if kind == "crowded":
        return replace(plain, max_objects=16, crowded_share=0.97, object_size=(0.09, 0.28))
    if kind == "small":
        return replace(plain, max_objects=10, object_size=(0.05, 0.14))
    if kind == "single":
        return replace(plain, single_share=0.97, single_size=(0.35, 1.0))
    if kind == "herd":
        side = float(np.exp(rng.uniform(np.log(0.07), np.log(0.22))))
        sizes = (0.8 * side, 1.25 * side)
        return replace(plain, max_objects=18, crowded_share=0.97, object_size=sizes)
    return plain
