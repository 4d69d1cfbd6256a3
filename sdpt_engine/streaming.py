"""Predictions for many files: batched, with decoding ahead of the model; one bad file ends nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from sdpt_engine.data import load_image_upright
from sdpt_engine.errors import ImageUnreadableError
from sdpt_engine.predictor import Predictor
from sdpt_engine.types import Pixels, Prediction

Outcome = Prediction | ImageUnreadableError


def predict_each(
    predictor: Predictor,
    paths: Sequence[Path],
    *,
    batch_size: int = 4,
    on_smaller_batch: Callable[[int], None] | None = None,
) -> Iterator[tuple[int, Outcome]]:
    """Yields (index into `paths`, prediction or why there is none) in order.

    When the GPU's memory does not suffice, the batch is halved and `on_smaller_batch` hears of it.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") as decoder:
        ahead = decoder.submit(_load_all, paths[:batch_size])
        first, size = 0, batch_size
        while first < len(paths):
            loaded = ahead.result()
            following = first + len(loaded)
            ahead = decoder.submit(_load_all, paths[following : following + size])
            pixels = [item for item in loaded if not isinstance(item, ImageUnreadableError)]
            predictions: list[Prediction] = []
            while len(predictions) < len(pixels):
                part = pixels[len(predictions) : len(predictions) + size]
                try:
                    predictions += predictor.predict(part)
                except torch.OutOfMemoryError:
                    if size == 1:
                        raise
                    size //= 2
                    if on_smaller_batch is not None:
                        on_smaller_batch(size)
            found = iter(predictions)
            for index, item in enumerate(loaded, start=first):
                yield index, item if isinstance(item, ImageUnreadableError) else next(found)
            first = following


def _load_all(paths: Sequence[Path]) -> list[Pixels | ImageUnreadableError]:
    return [_load(path) for path in paths]


def _load(path: Path) -> Pixels | ImageUnreadableError:
    try:
        return load_image_upright(path)
    except ImageUnreadableError as error:
        return error
