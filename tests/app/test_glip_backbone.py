"""The job by the command line on a GLIP folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.app.samples import run_json
from tests.engine.glip.scenes import NAMES, TINY_GLIP, write_coco, write_scenes

NUM_LABELLED, NUM_OTHERS = 3, 3


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder of scenes, some labelled, after some steps of tuning."""
    folder = tmp_path_factory.mktemp("glip-job")
    data = folder / "images"
    labelled = write_scenes(data, NUM_LABELLED, seed=5)
    others = write_scenes(data, NUM_OTHERS, seed=6)
    write_coco(folder / "truth.json", [*labelled, *others])
    labels = write_coco(folder / "labels.json", labelled)
    run_json("import", "--data", data, "--coco", labels)
    return data, run_json("tune", "--data", data, "--backbone", TINY_GLIP, "--steps", 6)


def test_tune_reports_zero_shot_beside_tuned(tuned: tuple[Path, dict[str, Any]]) -> None:
    _, result = tuned
    assert 0 <= result["zero_shot"]["ap50"] <= 1
    assert 0 <= result["tuned"]["ap50"] <= 1
    assert result["trainable_parameters"] == 2 * (16 + 3) * 128


def test_prelabel_proposes_on_the_other_images(tuned: tuple[Path, dict[str, Any]]) -> None:
    data, result = tuned
    done = run_json("prelabel", "--data", data, "--bundle", result["bundle"])
    assert (done["images"], done["skipped"]) == (NUM_OTHERS, [])
    assert done["predictions"] > 0


def test_evaluate_judges_both_prompt_and_zero_shot(tuned: tuple[Path, dict[str, Any]]) -> None:
    data, result = tuned
    truth = data.parent / "truth.json"
    for bundle in ("zero-shot", result["bundle"]):
        done = run_json("evaluate", "--data", data, "--coco", truth, "--bundle", bundle)
        assert done["num_images"] == NUM_LABELLED + NUM_OTHERS
        assert set(done["per_class"]) == set(NAMES)


def test_the_workspace_remembers_the_folder(tuned: tuple[Path, dict[str, Any]]) -> None:
    assert run_json("status", "--data", tuned[0])["backbone"] == str(TINY_GLIP)
