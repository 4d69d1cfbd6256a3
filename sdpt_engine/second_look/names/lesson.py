"""What naming is learnt from: a person's boxes, and what the detector found where there is nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sdpt_engine.backbones.efficientnet_lite import EfficientNetLite0
from sdpt_engine.boxes import overlaps
from sdpt_engine.data import load_image_upright
from sdpt_engine.second_look.lessons import ShouldStop, found_loosely, stop_if_asked
from sdpt_engine.second_look.names.namer import features_of
from sdpt_engine.types import Boxes, Example, ObjectClass, Pixels

Find = Callable[[Pixels], Boxes]
_TIMES_FOUND = 2  # each box is learnt as it was drawn, and as often as it might have been found
_NOTHING_IOU = 0.4  # what overlaps every true box by less shows none of them
_MOST_CUT_OUTS = 8000  # a look costs some milliseconds each
_MOST_TURNS = 4  # by 90 degrees each: an object lies this way round or that
_ABOUT_BESIDE = 40  # of what is found on an image
_MOST_STEPS = 60
_WEIGHT_DECAY = 0.01


@dataclass(frozen=True, slots=True)
class NamingLesson:
    """Features [N, 640] of cut-outs, and what each shows: a number in 0..C - 1 of a class, or C for nothing."""

    features: Tensor
    labels: Tensor

    def and_also(self, other: NamingLesson) -> NamingLesson:
        return NamingLesson(
            torch.cat((self.features, other.features)), torch.cat((self.labels, other.labels))
        )


def num_turns(examples: Sequence[Example]) -> int:
    """From how many sides objects can be learnt, 1..4, without there being too many cut-outs."""
    of_objects = sum(len(e.boxes) * (1 + _TIMES_FOUND) for e in examples)
    beside = _ABOUT_BESIDE * sum(e.is_exhaustive for e in examples)
    return min(max((_MOST_CUT_OUTS - beside) // max(of_objects, 1), 1), _MOST_TURNS)


def naming_lesson_from(
    encoder: EfficientNetLite0,
    examples: Sequence[Example],
    *,
    num_classes: int,
    find: Find,
    turns: int = 1,
    seed: int,
    should_stop: ShouldStop | None = None,
) -> NamingLesson:
    """The boxes of the examples in a chance order, and of each complete one what `find` finds beside them.

    Each box counts `turns` times, turned by 90 degrees once more each time; what lies beside, as there is more of it,
    once, in one of these turns. Ends where there are enough cut-outs. Raises TuneInterrupted between two images,
    ImageUnreadableError.
    """
    chance = np.random.default_rng(seed)
    features: list[Tensor] = []
    labels: list[int] = []
    for place in chance.permutation(len(examples)):
        stop_if_asked(should_stop)
        example = examples[place]
        pixels = load_image_upright(example.image_path)
        size_wh = (pixels.shape[1], pixels.shape[0])
        loose = [found_loosely(example.boxes, size_wh, chance) for _ in range(_TIMES_FOUND)]
        objects = np.concatenate((example.boxes, *loose))
        features.append(features_of(encoder, pixels, objects, quarters=range(turns)).cpu())
        labels += example.labels.tolist() * (1 + _TIMES_FOUND) * turns
        if example.is_exhaustive:
            beside = _beside(find(pixels), example.boxes)
            turn = int(chance.integers(turns))
            features.append(features_of(encoder, pixels, beside, quarters=[turn]).cpu())
            labels += [num_classes] * len(beside)
        if len(labels) >= _MOST_CUT_OUTS:
            break
    return NamingLesson(torch.cat(features), torch.tensor(labels, dtype=torch.int64))


def learn_to_name(lesson: NamingLesson, classes: Sequence[ObjectClass]) -> dict[str, Tensor]:
    """Logistic regression with weight decay, to its end by L-BFGS: the tensors of a `Namer`.

    It knows the classes that the lesson has cut-outs of. `classes` in the order of the lesson's numbers.
    """
    known = [n for n in range(len(classes)) if bool((lesson.labels == n).any())]
    rows = torch.full((len(classes) + 1,), len(known))
    rows[known] = torch.arange(len(known))
    targets = rows[lesson.labels]
    middle = lesson.features.mean(dim=0)
    spread = lesson.features.std(dim=0, correction=0) + 1e-3
    inputs = (lesson.features - middle) / spread
    layer = torch.nn.Linear(inputs.shape[1], len(known) + 1)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(
        layer.parameters(), max_iter=_MOST_STEPS, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(layer(inputs), targets)
        loss = loss + _WEIGHT_DECAY * layer.weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    weight = layer.weight.detach() / spread
    return {
        "weight": weight,
        "bias": layer.bias.detach() - weight @ middle,
        "class_ids": torch.tensor([classes[n].id for n in known], dtype=torch.int64),
    }


def _beside(found: Boxes, true: Boxes) -> Boxes:
    """What lies on none of the true boxes."""
    if not len(true) or not len(found):
        return found
    beside: Boxes = found[overlaps(found, true).max(axis=1) < _NOTHING_IOU]
    return beside
