"""The state of a tuning run on disk, so that a killed run goes on as if nothing had happened."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sdpt_engine.errors import CheckpointError

CHECKPOINT_NAME = "checkpoint.pt"
CHECKPOINT_PATTERN = "*.pt"
"""All checkpoints of a run: one of each of its prompts, and those of its folds where there are any."""


def checkpoint_name(member: int) -> str:
    """The file of the first of several prompts, of the second and so on, from 0."""
    return CHECKPOINT_NAME if member == 0 else f"checkpoint-{member + 1}.pt"


def save_checkpoint(path: Path, run_digest: str, state: Mapping[str, Any]) -> None:
    """Writes beside, then renames: a reader finds the old checkpoint or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".writing")
    with unfinished.open("wb") as stream:
        torch.save({"run_digest": run_digest, "state": dict(state)}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)


def load_checkpoint(path: Path, run_digest: str) -> dict[str, Any] | None:
    """The saved state, or None where there is none. Another run's checkpoint is refused."""
    if not path.is_file():
        return None
    try:
        # weights_only: a checkpoint is data, and must not be able to run code.
        saved = torch.load(path, map_location="cpu", weights_only=True)
        found, state = saved["run_digest"], saved["state"]
    except (RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"Checkpoint '{path}' cannot be read: {error}. Remove it and tune again."
        ) from error
    if found != run_digest:
        raise CheckpointError(
            f"Checkpoint '{path}' belongs to a run with other labels or settings "
            f"('{found[:12]}', not '{run_digest[:12]}'). Remove it or tune in another folder."
        )
    restored: dict[str, Any] = state
    return restored
