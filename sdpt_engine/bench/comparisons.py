"""One comparison after the other, ours against the rival's way.

(a) a tuning step, (b) prediction with and without a prompt, (c) a folder of images, (d) peak memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from sdpt_engine.bench.peaks import FRUGAL, PROMPTS
from sdpt_engine.bench.rival import Rival, concatenated
from sdpt_engine.bench.subjects import NUM_TOKENS, Subject
from sdpt_engine.bench.timing import in_turns, matrix_share
from sdpt_engine.data import load_image_upright
from sdpt_engine.predictor import Predictor
from sdpt_engine.streaming import predict_each
from sdpt_engine.types import ObjectClass

MIN_SCORE = 0.05


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; `ratio` is rival / ours, so that more is better for us."""

    what: str
    subject: str
    ours: float
    rival: float
    unit: str
    ratio: float
    wanted: float | None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        return None if self.wanted is None else self.ratio >= self.wanted


def compare_steps(
    subject: Subject, *, rounds: int, wanted: float | None, layers: str = "all"
) -> Row:
    """(a) Forward, loss and backward of one batch, ours from cached constants, the rival's from pixels."""
    prompts = subject.prompts(layers)
    cached = subject.advanced(prompts)
    parameters = [parameter for parameter in prompts.parameters() if len(parameter)]
    seen: dict[str, list[torch.Tensor]] = {}

    def ours() -> None:
        loss = cached.tuning_loss(prompts)
        seen["ours"] = [loss.detach(), *torch.autograd.grad(loss, parameters)]

    def rival() -> None:
        with concatenated(subject.detector, prompts):
            loss = subject.whole_loss()
        seen["rival"] = [loss.detach(), *torch.autograd.grad(loss, parameters)]

    pair = in_turns(ours, rival, rounds=rounds)
    shares = f"matrix products: {matrix_share(ours):.0%} of ours"
    return Row(
        what=f"tuning step, layers: {layers}",
        subject=subject.name,
        ours=pair.ours_s,
        rival=pair.rival_s,
        unit="s",
        ratio=pair.ratio,
        wanted=wanted,
        note=f"{shares}; loss differs by {_difference(seen['ours'][:1], seen['rival'][:1]):.0e}, "
        f"gradient by {_difference(seen['ours'][1:], seen['rival'][1:]):.0e} of its largest",
    )


def _difference(mine: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor]) -> float:
    """Largest difference as a share of the largest number."""
    pairs = list(zip(mine, theirs, strict=True))
    largest = max(float(b.abs().max()) for _, b in pairs)
    return max(float((a - b).abs().max()) for a, b in pairs) / max(largest, 1e-30)


@torch.no_grad()
def compare_predictions(subject: Subject, *, rounds: int) -> list[Row]:
    """(b) From pictures to raw boxes with a prompt, against the unprompted model, whole and split."""
    detector, plain = subject.detector, subject.rival
    sizes_wh = [image.size_wh for image in subject.encoded]
    prompts = subject.prompts().export_kv()  # as the predictor has them

    def tuned() -> None:
        detector.detect(detector.encode_images(subject.images), subject.text, prompts)

    def unprompted() -> None:
        detector.detect(detector.encode_images(subject.images), subject.text)

    def whole() -> None:
        plain.whole(plain.pixels(subject.images), sizes_wh, subject.text.caption)

    rows = []
    for rival, name in ((whole, plain.name), (unprompted, "our own path")):
        pair = in_turns(tuned, rival, rounds=rounds)
        rows.append(
            Row(
                what=f"tuned prediction against {name} without a prompt",
                subject=subject.name,
                ours=pair.ours_s,
                rival=pair.rival_s,
                unit="s",
                ratio=pair.ratio,
                wanted=0.97,
                note=f"{NUM_TOKENS} tokens in each layer, {len(subject.images)} images",
            )
        )
    return rows


def compare_folders(
    plain: Rival, classes: Sequence[ObjectClass], paths: Sequence[Path], *, rounds: int
) -> Row:
    """(c) Files to boxes, ours in batches with decoding ahead, the rival's one image at a time."""
    detector = plain.detector

    def ours() -> None:
        predictor = Predictor(detector, classes, min_score=MIN_SCORE)
        for _ in predict_each(predictor, paths):
            pass

    def rival() -> None:
        plain.predict_one_by_one(classes, paths, min_score=MIN_SCORE)

    pair = in_turns(ours, rival, rounds=rounds)
    boxes_px, scores = raw_difference(plain, classes, paths)
    return Row(
        what="folder of images",
        subject=f"{detector.name}, {len(paths)} images",
        ours=len(paths) / pair.ours_s,
        rival=len(paths) / pair.rival_s,
        unit="images/s",
        ratio=pair.ratio,
        wanted=1.5,
        note=f"boxes differ by {boxes_px:.0e} px, token scores by {scores:.0e}",
    )


@torch.no_grad()
def raw_difference(
    rival: Rival, classes: Sequence[ObjectClass], paths: Sequence[Path]
) -> tuple[float, float]:
    """Largest difference of boxes, in pixels, and of token scores, query by query, to the whole model."""
    detector = rival.detector
    caption = detector.captions(classes)[0]
    text = detector.encode_text(caption)
    boxes_px, scores = 0.0, 0.0
    for path in paths:
        image = load_image_upright(path)
        height, width = image.shape[:2]
        mine = detector.detect(detector.encode_images([image]), text)
        theirs = rival.whole(rival.pixels([image]), [(width, height)], caption)
        scale = mine.boxes.new_tensor([width, height, width, height])
        boxes_px = max(boxes_px, float(((mine.boxes - theirs.boxes) * scale).abs().max()))
        difference = mine.logits.sigmoid() - theirs.logits.sigmoid()
        scores = max(scores, float(difference.abs().max()))
    return boxes_px, scores


def memory_rows(subject: str, peaks: Mapping[str, float]) -> Iterator[Row]:
    """(d) Peak of tuning against that of training weights, from the peak in MB of each way."""
    for ours, label in ((PROMPTS, "tuning"), (FRUGAL, "tuning, saving memory")):
        if ours not in peaks:
            continue
        for rival in ("behind-encoders", "whole-model"):
            yield Row(
                what=f"peak memory of {label} against training {rival.replace('-', ' ')}",
                subject=subject,
                ours=peaks[ours],
                rival=peaks[rival],
                unit="MB",
                ratio=peaks[rival] / peaks[ours],
                wanted=None,
                note=f"{peaks['loading']:.0f} MB of it is the loaded model and its batch",
            )
