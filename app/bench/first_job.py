"""The main job without a browser: import a few labelled images, tune, evaluate on images never seen.

Every step goes through the command line, so what is measured is what a person or a script gets. The rival in
the same run is the same frozen detector without a tuned prompt (zero-shot).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import AppError


@dataclass(frozen=True, slots=True)
class FirstJob:
    """One run: test AP50 with and without the tuned prompt, and what it cost."""

    dataset: str
    num_labelled: int
    seed: int
    zero_shot: dict[str, Any]
    tuned: dict[str, Any]
    tune: dict[str, Any]
    prelabel: dict[str, Any]


def measure_first_job(
    dataset_dir: Path, *, num_labelled: int, seed: int, steps: int | None, backbone: str
) -> FirstJob:
    """Run the job on `dataset_dir` (images/, train.json, test.json). The labelled images come from train.json."""
    for name in ("images", "train.json", "test.json"):
        if not (dataset_dir / name).exists():
            raise AppError(
                f"The benchmark needs '{dataset_dir}/{name}', which is not there. "
                "Give a folder with images/, train.json and test.json."
            )
    with tempfile.TemporaryDirectory(prefix="sdpt-first-job-") as scratch:
        labels = Path(scratch) / "labels.json"
        labels.write_text(json.dumps(_few_labels(dataset_dir, num_labelled, seed)))
        place = ["--data", str(dataset_dir / "images"), "--workspace", f"{scratch}/workspace"]
        _cli("import", *place, "--coco", str(labels))
        wanted = [] if steps is None else ["--steps", str(steps)]
        tune = _cli("tune", *place, "--backbone", backbone, "--seed", str(seed), *wanted)
        judge = ["--coco", str(dataset_dir / "test.json")]
        return FirstJob(
            dataset=dataset_dir.name,
            num_labelled=num_labelled,
            seed=seed,
            zero_shot=_cli("evaluate", *place, *judge, "--bundle", "zero-shot"),
            tuned=_cli("evaluate", *place, *judge, "--bundle", str(tune["bundle"])),
            tune=tune,
            prelabel=_cli("prelabel", *place, "--bundle", "best"),
        )


def _few_labels(dataset_dir: Path, num_labelled: int, seed: int) -> dict[str, Any]:
    """A COCO document of `num_labelled` images of train.json that show every class, if any choice does."""
    document: dict[str, Any] = json.loads((dataset_dir / "train.json").read_text("utf-8"))
    images = sorted(document["images"], key=lambda image: str(image["file_name"]))
    random.Random(seed).shuffle(images)
    classes: dict[int, set[int]] = {image["id"]: set() for image in images}
    for annotation in document["annotations"]:
        classes[annotation["image_id"]].add(annotation["category_id"])
    chosen = _cover(images, classes, num_labelled)
    ids = {image["id"] for image in chosen}
    kept = [a for a in document["annotations"] if a["image_id"] in ids]
    return {**document, "images": chosen, "annotations": kept}


def _cover(
    images: Sequence[dict[str, Any]], classes: dict[int, set[int]], number: int
) -> list[dict[str, Any]]:
    """The first images in the given order, but rarer classes get at least their even share."""
    wanted = max(1, number // max(1, len(set().union(*classes.values()))))
    seen: dict[int, int] = dict.fromkeys(set().union(*classes.values()), 0)
    chosen: list[dict[str, Any]] = []
    for rare_only in (True, False):
        for image in images:
            brings = any(seen[c] < wanted for c in classes[image["id"]])
            if len(chosen) < number and image not in chosen and (brings or not rare_only):
                chosen.append(image)
                for category_id in classes[image["id"]]:
                    seen[category_id] += 1
    return chosen


def _cli(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "app", *words, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        check=False,
    )
    if done.returncode != 0:
        raise AppError(f"'sdpt-app {' '.join(words)}' ended with {done.returncode}; see above.")
    document: dict[str, Any] = json.loads(done.stdout)
    return document
