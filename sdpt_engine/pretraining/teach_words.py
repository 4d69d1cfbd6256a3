"""Teach the text encoder the names that nano's eyes tell apart: `python -m sdpt_engine.pretraining.teach_words --help`.

What a frozen text encoder says of two kinds of fish is too much alike for the layers behind it to pull apart: free
vectors, one a name, tell objects apart far better than words do. So nano looks at scenes of the pool once more, a
free vector is fitted to the objects of each name, and the text encoder learns to say these vectors, in the rows of
its word embeddings that the names use. Kinds and "object" are held where they were. Writes NANO/words.safetensors.

Legend: R regions, N names, P phrases, d model width.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from sdpt_engine.backbones.nano import WORDS_NAME
from sdpt_engine.pretraining.alignment import (
    Regions,
    name_features,
    on_drawings,
    regions_on_objects,
    watched,
)
from sdpt_engine.pretraining.lexicon import ANYTHING, KINDS
from sdpt_engine.pretraining.names import taught_names
from sdpt_engine.pretraining.nano_model import NanoInTraining
from sdpt_engine.pretraining.train_nano import BatchSource
from sdpt_engine.pretraining.word_rows import WordRows
from sdpt_engine.pretraining.wording import Vocabulary

_REGIONS_A_STEP = 512
_HELD_SHARE = 0.15  # of the phrases of a step
_TELL_EVERY = 25


@dataclass(frozen=True, slots=True)
class TeachSettings:
    looks: int = 500
    """Batches of scenes that are looked at."""
    batch: int = 8
    passes: int = 2
    """Over the regions that were found, when vectors are fitted."""
    vector_rate: float = 5e-3
    steps: int = 200
    """Of the words; each step asks for `phrases` of them."""
    phrases: int = 117
    word_rate: float = 1e-3
    seed: int = 0


@torch.no_grad()
def look(
    nano: NanoInTraining,
    source: BatchSource,
    settings: TeachSettings,
    on_batch: Callable[[int], None] = lambda _: None,
) -> Regions:
    """What the last decoder layer makes of the objects of `looks` batches. Raises ValueError without any object."""
    found = list[Regions]()
    for _ in range(settings.looks):
        batch = source.next(settings.batch)
        with watched(nano) as seen:
            output = nano.detector.detect(
                nano.images(batch.scenes), nano.text(batch.wording.phrases)
            )
        found.append(regions_on_objects(seen.layers[-1], output.boxes, on_drawings(batch.scenes)))
        on_batch(len(found))
    names = [name for regions in found for name in regions.names]
    if not names:
        raise ValueError(f"No drawn object was found in {settings.looks} batches of the pool.")
    features = torch.cat([regions.features for regions in found])
    return Regions(features, names, torch.cat([regions.shares for regions in found]))


def fitted_vectors(
    regions: Regions, names: Sequence[str], start: Tensor, settings: TeachSettings
) -> Tensor:
    """Vectors [N, d] that tell `regions` from all `names` (softmax), from `start` [N, d] on."""
    row_of = {name: row for row, name in enumerate(names)}
    aims = torch.tensor([row_of[name] for name in regions.names])
    vectors = start.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([vectors], settings.vector_rate)
    draw = torch.Generator().manual_seed(settings.seed)
    for _ in range(settings.passes):
        order = torch.randperm(len(aims), generator=draw)
        for rows in torch.split(order, _REGIONS_A_STEP):
            logits = regions.features[rows] @ vectors.T / vectors.shape[1] ** 0.5
            each = F.cross_entropy(logits, aims[rows], reduction="none")
            loss = (each * regions.shares[rows]).sum() / regions.shares[rows].sum()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return vectors.detach()


def teach(
    rows: WordRows,
    nano: NanoInTraining,
    names: Sequence[str],
    vectors: Tensor,
    settings: TeachSettings,
) -> Iterator[float]:
    """Let `rows` learn to say `vectors` [N, d] for `names`, and give the loss of each step.

    The loss is the squared distance as a share of how far the vectors are apart.
    """
    for parameter in nano.model.parameters():
        parameter.requires_grad_(False)
    held = [phrase for phrase in (*KINDS, *ANYTHING) if phrase not in set(names)]
    with torch.no_grad():
        held_at = name_features(nano, held)
    apart = (vectors - vectors.mean(0)).square().sum(1).mean()
    optimizer = torch.optim.Adam([rows.vectors], settings.word_rate)
    draw = random.Random(settings.seed)
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.word_rate * (1 - step / settings.steps)
        phrases, wanted = _lesson(draw, names, vectors, held, held_at, settings.phrases)
        loss = (rows(phrases) - wanted).square().sum(1).mean() / apart
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        yield float(loss.detach())


def _lesson(
    draw: random.Random,
    names: Sequence[str],
    vectors: Tensor,
    held: Sequence[str],
    held_at: Tensor,
    number: int,
) -> tuple[list[str], Tensor]:
    """Some phrases and where they should be [P, d]."""
    num_held = min(len(held), round(_HELD_SHARE * number))
    asked = draw.sample(range(len(names)), min(len(names), number - num_held))
    kept = draw.sample(range(len(held)), num_held)
    phrases = [*(names[row] for row in asked), *(held[row] for row in kept)]
    return phrases, torch.cat((vectors[asked], held_at[kept]))


def main() -> None:
    words = _parser().parse_args()
    torch.set_num_threads(words.threads)
    settings = TeachSettings(words.looks, steps=words.steps, seed=words.seed)
    names = taught_names(words.concepts, words.held_out)
    nano = NanoInTraining(words.nano)
    source = BatchSource(words.pool, Vocabulary.of(names), nano, settings.seed)
    regions = look(nano, source, settings, lambda done: _tell("looked at", done, settings.looks))
    with torch.no_grad():
        start = name_features(nano, names)
    vectors = fitted_vectors(regions, names, start, settings)
    rows = WordRows(nano, names)
    for step, loss in enumerate(teach(rows, nano, names, vectors, settings), start=1):
        _tell(f"words lack {loss:.3f}", step, settings.steps)
    save_file({"ids": rows.ids, "vectors": rows.vectors.detach()}, words.nano / WORDS_NAME)


def _tell(what: str, done: int, of: int) -> None:
    if done % _TELL_EVERY == 0 or done == of:
        print(f"{what}: {done} of {of}", flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("nano", type=Path, help="folder of a nano, as build_nano writes it")
    add("--pool", type=Path, required=True, help="what produce fills")
    add("--concepts", type=Path, required=True, help="names that were taught, one a line")
    add("--held-out", type=Path, help="names that were not")
    add("--looks", type=int, default=500, help="batches of scenes to look at (500)")
    add("--steps", type=int, default=200, help="of the words (200)")
    add("--threads", type=int, default=1, help="(1)")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
