"""The worker's part of similarity: a vector of every image, kept by content so that it is made once."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.errors import PathEscapeError
from app.fiftyone.places import Places
from app.job_context import JobContext, JobStopped
from app.workspace import Workspace
from sdpt_engine.embedding import embed_each
from sdpt_engine.errors import ImageUnreadableError
from storage import images, jobs
from storage.types import Image, Job, JobStatus

_SAVE_EVERY = 500


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors by content of the file; of one detector only."""

    digest: str
    vectors: Mapping[str, NDArray[np.float32]]


def read_embeddings(workspace: Workspace) -> Embeddings:
    path = Places.of(workspace).embeddings_path
    if not path.is_file():
        return Embeddings("", {})
    with np.load(path) as file:
        keys, vectors = file["keys"], file["vectors"]
        return Embeddings(str(file["digest"]), dict(zip(keys.tolist(), vectors, strict=True)))


def run_embed(context: JobContext) -> Job:
    """Work the job off. Raises JobStopped between two images when asked to; what is done stays."""
    started = time.monotonic()
    context.say("phase", {"text": "Loading the detector"}, step=0, total_steps=0)
    detector = context.detector()
    known = read_embeddings(context.workspace)
    vectors = dict(known.vectors) if known.digest == detector.digest else {}
    with context.workspace.database.read() as tx:
        everything = images.list_all(tx)
    todo = _todo(context.workspace, everything, vectors)
    skipped: list[dict[str, str]] = []
    try:
        for index, outcome in embed_each(detector, [path for _, path in todo]):
            if context.stop.is_set():
                raise JobStopped
            image = todo[index][0]
            if isinstance(outcome, ImageUnreadableError):
                skipped.append({"path": image.relative_path, "reason": str(outcome)})
            else:
                vectors[image.sha256] = outcome
            done, eta_s = index + 1, (time.monotonic() - started) / (index + 1)
            payload = {"step": done, "total_steps": len(todo), "eta_s": eta_s * (len(todo) - done)}
            context.say("image", payload, step=done, total_steps=len(todo))
            if done % _SAVE_EVERY == 0:
                _write(context.workspace, detector.digest, vectors)
    finally:
        _write(context.workspace, detector.digest, vectors)
    result = {"images": len(todo), "skipped": skipped, "seconds": time.monotonic() - started}
    with context.workspace.database.job_write() as tx:
        return jobs.finish(
            tx, context.claim, JobStatus.SUCCEEDED, result=result, at=datetime.now(UTC)
        )


def _todo(
    workspace: Workspace, everything: list[Image], known: Mapping[str, object]
) -> list[tuple[Image, Path]]:
    found: list[tuple[Image, Path]] = []
    for image in everything:
        if image.sha256 in known:
            continue
        try:
            found.append((image, workspace.image_path(image.relative_path)))
        except PathEscapeError:  # became a link that leads outside: no picture of the project
            continue
    return found


def _write(workspace: Workspace, digest: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
    places = Places.of(workspace)
    places.make()
    unfinished = places.embeddings_path.with_suffix(".part.npz")
    keys = list(vectors)
    stacked = np.stack([vectors[key] for key in keys]) if keys else np.zeros((0, 1), np.float32)
    with unfinished.open("wb") as file:
        np.savez(file, keys=np.array(keys, dtype=str), vectors=stacked, digest=np.array(digest))
    os.replace(unfinished, places.embeddings_path)
