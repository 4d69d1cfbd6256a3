"""Fill a pool with scenes behind the frozen image encoder: `python -m sdpt_engine.pretraining.produce --help`.

Runs until it is stopped, keeps the newest shards, and goes on where it was when it is started again. Where the
drawings come from is written in `material`; each `--photographs` is a folder with boxes.json (see `photographs`),
each `--backgrounds` a folder of photographs without boxes.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sdpt_engine.backbones import load_detector
from sdpt_engine.backbones.nano import fit_to_input
from sdpt_engine.boxes import xyxy_to_cxcywh
from sdpt_engine.pretraining.backgrounds import photograph_files
from sdpt_engine.pretraining.composer import Scene
from sdpt_engine.pretraining.feature_pool import (
    COMPOSED,
    ON_PHOTOGRAPH,
    LabelledFeatures,
    ShardKey,
    drop_oldest,
    shards,
    write_shard,
)
from sdpt_engine.pretraining.material import EmojiMaterial, Material
from sdpt_engine.pretraining.names import taught_names
from sdpt_engine.pretraining.photographs import Photograph, draw_photograph, read_collection
from sdpt_engine.pretraining.scenes import compose_for_training

SHARD_SCENES = 48
# Input sizes and how often each is drawn: the aspects of cameras, telephones and scans, in two resolutions.
SIZES_WH = {
    (320, 320): 0.16,
    (320, 256): 0.24,
    (320, 224): 0.2,
    (320, 192): 0.08,
    (256, 320): 0.1,
    (224, 320): 0.07,
    (448, 448): 0.03,
    (448, 352): 0.06,
    (352, 448): 0.03,
    (448, 256): 0.03,
}
_ON_PHOTOGRAPH_SHARE = 0.35  # of shards of composed scenes, where there are photographs to lie on
_COMPOSE_SCALES = (1.0, 1.3)  # a scene is drawn at one of these, then resized as a photograph is


@dataclass(frozen=True, slots=True)
class Sources:
    """What scenes are made of."""

    material: Material
    concepts: tuple[str, ...]
    backgrounds: tuple[Path, ...]
    collections: tuple[tuple[str, tuple[Photograph, ...]], ...]  # by name, photographs with boxes


@dataclass(frozen=True, slots=True)
class Pace:
    """How many shards are kept, how many are made without a pause, and the pause after that as a share of the work."""

    num_kept: int
    at_full_speed: int
    pause: float


def draw_scenes(
    sources: Sources, *, seed: int, number: int, photographic_share: float
) -> tuple[ShardKey, str, list[Scene]]:
    """The scenes of shard `number`, all of one input size and from one family."""
    rng = np.random.default_rng([seed, number])
    sizes = list(SIZES_WH)
    size_wh = sizes[int(rng.choice(len(sizes), p=list(SIZES_WH.values())))]
    key = ShardKey(number, size_wh)
    indices = range(number * SHARD_SCENES, (number + 1) * SHARD_SCENES)
    if sources.collections and rng.random() < photographic_share:
        weights = np.sqrt([len(photographs) for _, photographs in sources.collections])
        chosen = int(rng.choice(len(weights), p=weights / weights.sum()))
        family, photographs = sources.collections[chosen]
        drawn = (draw_photograph(photographs, seed=seed, index=i, size_wh=size_wh) for i in indices)
        return key, family, list(drawn)
    is_on_photograph = bool(sources.backgrounds) and rng.random() < _ON_PHOTOGRAPH_SHARE
    composed = []
    for index in indices:
        scale = float(rng.choice(_COMPOSE_SCALES))
        drawn_wh = (round(size_wh[0] * scale), round(size_wh[1] * scale))
        composed.append(
            compose_for_training(
                sources.material,
                sources.concepts,
                seed=seed,
                index=index,
                size_wh=drawn_wh,
                photographs=sources.backgrounds if is_on_photograph else (),
            )
        )
    return key, ON_PHOTOGRAPH if is_on_photograph else COMPOSED, composed


@torch.no_grad()
def encode_scenes(
    encoder: nn.Module, scenes: Sequence[Scene], *, longest_px: int, family: str
) -> list[LabelledFeatures]:
    """Each scene behind the image encoder, its boxes as cxcywh in 0..1."""
    encoded = []
    for scene in scenes:
        pixels = fit_to_input(scene.pixels, longest_px)[None]
        maps = encoder(pixels, torch.ones(1, *pixels.shape[-2:], dtype=torch.bool))
        middle, coarse = (found[0].numpy().astype(np.float16) for found, _ in maps)
        height, width = scene.pixels.shape[:2]
        corners = scene.boxes.reshape(-1, 4) / np.array([width, height, width, height], np.float32)
        boxes = xyxy_to_cxcywh(torch.from_numpy(corners)).numpy().astype(np.float32)
        encoded.append(LabelledFeatures(middle, coarse, boxes, scene.concepts, family))
    return encoded


def fill(
    pool: Path,
    sources: Sources,
    encoder: nn.Module,
    pace: Pace,
    *,
    seed: int,
    photographic_share: float,
) -> Iterator[str]:
    """Add shard after shard, the oldest making room; tells what each is. Ends never."""
    pool.mkdir(parents=True, exist_ok=True)
    known = shards(pool)
    first = known[-1].number + 1 if known else 0
    for number in itertools.count(first):
        began = time.monotonic()
        key, family, scenes = draw_scenes(
            sources, seed=seed, number=number, photographic_share=photographic_share
        )
        encoded = encode_scenes(encoder, scenes, longest_px=max(key.size_wh), family=family)
        write_shard(pool, key, encoded)
        drop_oldest(pool, num_kept=pace.num_kept)
        took = time.monotonic() - began
        yield f"{key.folder_name} {family} {took:.1f} s"
        if number - first >= pace.at_full_speed:
            time.sleep(took * pace.pause)


def main() -> None:
    words = _parser().parse_args()
    torch.set_num_threads(1)
    model: Any = load_detector("nano", device="cpu").model
    pace = Pace(words.keep, words.at_full_speed, words.pause)
    done = fill(
        words.pool,
        _sources(words),
        model.model.backbone.conv_encoder,
        pace,
        seed=words.seed,
        photographic_share=words.photographic_share,
    )
    for line in done:
        print(line, flush=True)  # noqa: T201


def _sources(words: argparse.Namespace) -> Sources:
    concepts = taught_names(words.concepts, words.held_out)
    backgrounds = [path for folder in words.backgrounds for path in photograph_files(folder)]
    return Sources(
        material=EmojiMaterial(concepts, font=words.font, fluent=words.fluent),
        concepts=concepts,
        backgrounds=tuple(backgrounds),
        collections=tuple((f.name, tuple(read_collection(f))) for f in words.photographs),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("pool", type=Path, help="folder of shards, some 7 MB each")
    add("--font", type=Path, required=True, help="NotoColorEmoji.ttf")
    add("--fluent", type=Path, required=True, help="the package's assets folder")
    add("--concepts", type=Path, required=True, help="names, one a line")
    add("--held-out", type=Path, help="names that are never shown")
    add("--photographs", type=Path, nargs="*", default=[], help="collections with boxes")
    add("--backgrounds", type=Path, nargs="*", default=[], help="photographs to stand on")
    add("--photographic-share", type=float, default=0.3, help="of shards (0.3)")
    add("--seed", type=int, default=0)
    add("--keep", type=int, default=500, help="shards in the pool (500)")
    add("--at-full-speed", type=int, default=150, help="shards before pauses begin (150)")
    add("--pause", type=float, default=1.0, help="pause as a share of the time a shard took (1)")
    return parser


if __name__ == "__main__":
    main()
