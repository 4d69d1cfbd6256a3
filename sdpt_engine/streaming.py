"""Predictions for many files: batched by shape, with decoding ahead of the model; one bad file ends nothing."""

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

WINDOW_BATCHES = 2  # decoded ahead; large pictures take some memory each


def predict_each(
    predictor: Predictor,
    paths: Sequence[Path],
    *,
    batch_size: int = 4,
    on_smaller_batch: Callable[[int], None] | None = None,
) -> Iterator[tuple[int, Outcome]]:
    """Yields (index into `paths`, prediction or why there is none) in order.

    Within a window of some batches, images of like shape share a batch, so that little is padded. When the
    GPU's memory does not suffice, the batch is halved and `on_smaller_batch` hears of it.
    """
    window = batch_size * WINDOW_BATCHES
    size = batch_size
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") as decoder:
        ahead = decoder.submit(_load_all, paths[:window])
        for first in range(0, len(paths), window):
            loaded = ahead.result()
            ahead = decoder.submit(_load_all, paths[first + window : first + 2 * window])
            found: dict[int, Outcome] = {}
            pending: list[tuple[int, Pixels]] = []
            for index, item in enumerate(loaded):
                if isinstance(item, ImageUnreadableError):
                    found[index] = item
                else:
                    pending.append((index, item))
            pending.sort(key=lambda pair: _shape_of(pair[1]))
            while pending:
                part = pending[:size]
                try:
                    predictions = predictor.predict([pixels for _, pixels in part])
                except torch.OutOfMemoryError:
                    if size == 1:
                        raise
                    size //= 2
                    if on_smaller_batch is not None:
                        on_smaller_batch(size)
                    continue
                found.update(zip((index for index, _ in part), predictions, strict=True))
                pending = pending[size:]
            for index in range(len(loaded)):
                yield first + index, found[index]


def _shape_of(pixels: Pixels) -> tuple[float, int]:
    """Images of one aspect ratio have one shape once they are resized; the height tells small ones apart."""
    height, width = pixels.shape[:2]
    return (round(width / height, 3), height)


def _load_all(paths: Sequence[Path]) -> list[Pixels | ImageUnreadableError]:
    return [_load(path) for path in paths]


def _load(path: Path) -> Pixels | ImageUnreadableError:
    try:
        return load_image_upright(path)
    except ImageUnreadableError as error:
        return error
