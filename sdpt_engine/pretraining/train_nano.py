"""Train nano from a pool of stored scenes: `python -m sdpt_engine.pretraining.train_nano --help`.

`sdpt_engine.pretraining.beginning` makes what it starts from. Start `sdpt_engine.pretraining.produce` first and let it
go on beside. A run that was killed goes on from its last checkpoint when it is started again. RUN/log.jsonl is the
learning curve; RUN/trained.safetensors are the averaged weights of the last checkpoint, from which
`sdpt_engine.backbones.build_nano` makes the folder that is shipped.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from sdpt_engine.checkpoint import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from sdpt_engine.losses import Target
from sdpt_engine.pretraining.alignment import Alignment, NameTable, watched
from sdpt_engine.pretraining.feature_pool import (
    COMPOSED,
    ON_PHOTOGRAPH,
    LabelledFeatures,
    PoolReader,
    ShardKey,
    shards,
)
from sdpt_engine.pretraining.names import taught_names
from sdpt_engine.pretraining.nano_model import NanoInTraining
from sdpt_engine.pretraining.wording import Vocabulary, Wording, draw_wording
from sdpt_engine.schedule import learning_rate_factor

_SHARDS_PER_BATCH = 4
_LOG_EVERY, _SAVE_EVERY, _LOOK_EVERY = 50, 250, 25
_FRAME_TOKENS = 2


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How nano is trained; all of it is part of what a checkpoint belongs to."""

    steps: int
    batch: int = 8
    learning_rate: float = 4e-4
    gate_rate: float = 3.0
    """Learning rate of the fusion gates, in learning rates."""
    table_rate: float = 10.0
    """The same of the table of names, see `alignment`."""
    weight_decay: float = 1e-2
    clip: float = 1.0
    average: float = 0.999
    """Decay of the averaged weights."""
    alignment: float = 1.0
    """Weight of naming among many names, see `alignment`; 0 leaves it out."""
    num_names: int = 256
    """How many names that is, beside those that are shown."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    scenes: tuple[LabelledFeatures, ...]
    wording: Wording
    targets: tuple[Target, ...]


class BatchSource:
    """Draws scenes of one size from the pool and a caption for all of them."""

    def __init__(self, pool: Path, vocabulary: Vocabulary, nano: NanoInTraining, seed: int) -> None:
        self.draw = random.Random(seed)
        self._pool, self._reader = pool, PoolReader(pool)
        self._vocabulary, self._nano = vocabulary, nano
        self._keys: list[ShardKey] = []
        self._drawn = 0

    def next(self, size: int) -> Batch:
        if self._drawn % _LOOK_EVERY == 0 or not self._keys:
            self._keys = self._wait_for_shards()
        self._drawn += 1
        try:
            scenes = self._scenes(size)
        except FileNotFoundError:  # the producer dropped a shard since we looked
            self._keys = self._wait_for_shards()
            scenes = self._scenes(size)
        shown = sorted({name for scene in scenes for name in scene.names})
        wording = self._short_enough(draw_wording(self.draw, shown, self._vocabulary))
        targets = tuple(
            make_target(scene, wording, elsewhere=_photographed_elsewhere(scenes, scene))
            for scene in scenes
        )
        return Batch(tuple(scenes), wording, targets)

    def _wait_for_shards(self) -> list[ShardKey]:
        while not (keys := shards(self._pool)):
            time.sleep(5)
        return keys

    def _scenes(self, size: int) -> list[LabelledFeatures]:
        first = self.draw.choice(self._keys)
        alike = [key for key in self._keys if key.size_wh == first.size_wh]
        chosen = [first, *self.draw.choices(alike, k=_SHARDS_PER_BATCH - 1)]
        found: list[LabelledFeatures] = []
        for place, key in enumerate(chosen):
            number = (size + place) // _SHARDS_PER_BATCH
            rows = self.draw.sample(range(self._reader.num_scenes(key)), number)
            found += self._reader.scenes(key, rows)
        return found

    def _short_enough(self, wording: Wording) -> Wording:
        """Without the last phrases where all of them are longer than the model reads."""
        room = int(self._nano.model.config.max_text_len) - _FRAME_TOKENS
        kept = 0
        for phrase in wording.phrases:
            room -= self._nano.num_tokens(phrase)
            if room < 0:
                break
            kept += 1
        phrase_of = {name: place for name, place in wording.phrase_of.items() if place < kept}
        return Wording(wording.phrases[:kept], phrase_of, wording.is_anything)


def make_target(
    scene: LabelledFeatures, wording: Wording, *, elsewhere: frozenset[str] = frozenset()
) -> Target:
    """The boxes of the scene that the caption asks for.

    A photograph may show what only other collections label (`elsewhere`), or what nobody named. Where the caption asks
    for such things, a proposal away from the photograph's boxes costs nothing.
    """
    rows = [row for row, name in enumerate(scene.names) if name in wording.phrase_of]
    has_foreign = (
        scene.family != COMPOSED if wording.is_anything else elsewhere & set(wording.phrase_of)
    )
    return Target(
        boxes=torch.from_numpy(scene.boxes[rows]).reshape(-1, 4),
        classes=torch.tensor([wording.phrase_of[scene.names[r]] for r in rows], dtype=torch.long),
        is_exhaustive=not has_foreign,
        negatives=torch.zeros(0, 4),
        negative_classes=torch.zeros(0, dtype=torch.long),
    )


def _photographed_elsewhere(
    scenes: Sequence[LabelledFeatures], scene: LabelledFeatures
) -> frozenset[str]:
    """What photographs of other collections in this batch show; nothing where `scene` is itself composed."""
    cut_outs = (COMPOSED, ON_PHOTOGRAPH)
    if scene.family in cut_outs:
        return frozenset()
    others = (s for s in scenes if s.family not in (*cut_outs, scene.family))
    return frozenset(name for other in others for name in other.names) - set(scene.names)


class Training:
    """Weights, their average and the optimizer, at one step of a run."""

    def __init__(self, nano: NanoInTraining, settings: TrainSettings, names: Sequence[str]) -> None:
        self.nano, self.settings, self.step = nano, settings, 0
        self._table = NameTable(nano, names)
        self._alignment = Alignment(self._table, settings.num_names, settings.alignment)
        self.parameters = nano.parameters()
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.optimizer = _optimizer(self.parameters, self._table, settings)

    def learn(self, batch: Batch) -> dict[str, float]:
        """One step; gives the parts of the loss."""
        for group in self.optimizer.param_groups:
            factor = learning_rate_factor(self.step, self.settings.steps)
            group["lr"] = self.settings.learning_rate * group["scale"] * factor
        text = self.nano.text(batch.wording.phrases)
        with watched(self.nano) as seen:
            output = self.nano.detector.detect(self.nano.images(batch.scenes), text)
        loss, parts = self.nano.detector.loss(output, batch.targets, text.caption)
        if self.settings.alignment:
            draw = random.Random(f"{self.settings.seed}-{self.step}")
            aligned = self._alignment.loss(self.nano, batch.scenes, output, seen, draw)
            loss, parts = loss + aligned, {**parts, "alignment": float(aligned.detach())}
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.settings.clip)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return parts

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.settings.average, (1 + self.step) / (10 + self.step))
        averaged = list(self.average.values())
        torch._foreach_lerp_(averaged, list(self.parameters.values()), 1 - decay)

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "parameters": {name: p.detach() for name, p in self.parameters.items()},
            "average": self.average,
            "table": self._table.vectors.detach(),
            "optimizer": self.optimizer.state_dict(),
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        self.step = int(state["step"])
        for name, parameter in self.parameters.items():
            parameter.copy_(state["parameters"][name])
            self.average[name].copy_(state["average"][name])
        self._table.vectors.copy_(state["table"])
        self.optimizer.load_state_dict(state["optimizer"])


def _optimizer(
    parameters: Mapping[str, torch.nn.Parameter], table: NameTable, settings: TrainSettings
) -> torch.optim.AdamW:
    """Gates and the table learn faster; neither they nor biases, norms and embeddings decay."""
    groups: dict[str, dict[str, Any]] = {
        "matrices": {"params": [], "weight_decay": settings.weight_decay, "scale": 1.0},
        "others": {"params": [], "weight_decay": 0.0, "scale": 1.0},
        "gates": {"params": [], "weight_decay": 0.0, "scale": settings.gate_rate},
        "table": {"params": [table.vectors], "weight_decay": 0.0, "scale": settings.table_rate},
    }
    for name, parameter in parameters.items():
        if name.endswith(("vision_param", "text_param")):
            kind = "gates"
        elif parameter.ndim > 1 and "embed" not in name.rsplit(".", 2)[-2]:
            kind = "matrices"
        else:
            kind = "others"
        groups[kind]["params"].append(parameter)
    return torch.optim.AdamW(list(groups.values()), lr=settings.learning_rate)


def train(
    training: Training, source: BatchSource, run: Path, *, stop_at: float = float("inf")
) -> None:
    """Learn until the last step, or the clock (monotonic seconds), says stop; log and save on the way."""
    digest = run_digest(training.settings)
    began, parts_seen = time.monotonic(), list[dict[str, float]]()
    while training.step < training.settings.steps and time.monotonic() < stop_at:
        parts_seen.append(training.learn(source.next(training.settings.batch)))
        if training.step % _LOG_EVERY == 0:
            _log(run, training.step, parts_seen, time.monotonic() - began)
            began, parts_seen = time.monotonic(), []
        if training.step % _SAVE_EVERY == 0:
            _save(run, digest, training)
    _save(run, digest, training)


def run_digest(settings: TrainSettings) -> str:
    return json.dumps(asdict(settings), sort_keys=True)


def _save(run: Path, digest: str, training: Training) -> None:
    save_checkpoint(run / CHECKPOINT_NAME, digest, training.state())
    export(training.average, run / "trained.safetensors")


def export(weights: Mapping[str, Tensor], path: Path) -> None:
    """Weights as `load_nano` reads them, written beside and renamed."""
    unfinished = path.with_suffix(".writing")
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, unfinished)
    unfinished.replace(path)


def _log(run: Path, step: int, seen: Sequence[Mapping[str, float]], seconds: float) -> None:
    means = {key: round(sum(p[key] for p in seen) / len(seen), 4) for key in seen[0]}
    line = json.dumps({"step": step, "seconds": round(seconds, 1), **means})
    with (run / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(line + "\n")
    print(line, flush=True)  # noqa: T201


def main() -> None:
    words = _parser().parse_args()
    torch.set_num_threads(words.threads)
    settings = TrainSettings(
        words.steps,
        words.batch,
        words.learning_rate,
        alignment=words.alignment,
        seed=words.seed,
    )
    torch.manual_seed(settings.seed)
    words.run.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(words.start / "config.json", words.run / "config.json")
    nano = NanoInTraining(words.start)
    vocabulary = Vocabulary.of(taught_names(words.concepts, words.held_out))
    training = Training(nano, settings, vocabulary.names)
    saved = load_checkpoint(words.run / CHECKPOINT_NAME, run_digest(settings))
    if saved is not None:
        training.restore(saved)
    source = BatchSource(words.pool, vocabulary, nano, settings.seed + training.step)
    train(training, source, words.run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("run", type=Path, help="folder of this run: checkpoint, log, weights")
    add("--pool", type=Path, required=True, help="what produce fills")
    add("--start", type=Path, required=True, help="folder of a nano to start from")
    add("--concepts", type=Path, required=True, help="names that may be asked for, one a line")
    add("--held-out", type=Path, help="names that never are")
    add("--steps", type=int, required=True)
    add("--batch", type=int, default=8, help="(8)")
    add("--learning-rate", type=float, default=4e-4, help="(4e-4)")
    add("--alignment", type=float, default=1.0, help="weight of naming among many names (1)")
    add("--threads", type=int, default=1, help="(1)")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
