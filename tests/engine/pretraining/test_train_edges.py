"""The start of the edges is taught by drawings and photographs, of which some are kept back to judge."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from sdpt_engine.pretraining.compose_set import Part, write_set
from sdpt_engine.pretraining.photographs import Photograph
from sdpt_engine.pretraining.train_edges import examples_of, main
from sdpt_engine.second_look.edges.finder import shipped_edges
from tests.engine.pretraining.drawings import drawn_material
from tests.engine.second_look.scenes import example


def test_it_goes_on_from_a_start_and_tells_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [Part("train", 2, 0, ("wood",)), Part("test", 2, 1, ("tiles",))]
    write_set(drawn_material(), ["ball", "box"], [], parts, tmp_path / "drawings")
    _collection(tmp_path / "collections" / "discs", number=2)
    words = [f"{tmp_path}/drawings", "--photographs", f"{tmp_path}/collections/discs"]
    monkeypatch.setattr(
        "sys.argv", ["train_edges", *words, "--output", f"{tmp_path}/edges", "--steps", "2"]
    )
    main()
    told = capsys.readouterr().out
    assert told.count("drawings at IoU 0.75") == told.count("photographs at IoU 0.75") == 2
    assert load_file(tmp_path / "edges").keys() == shipped_edges().keys()


def test_a_heap_of_the_same_counts_as_eight(tmp_path: Path) -> None:
    heap = np.array([[10 * i, 0, 10 * i + 9, 9] for i in range(30)], np.float32)
    photographs = [Photograph(tmp_path / "heap.jpg", (300, 10), heap, ("nut",) * 30)]
    (found,) = examples_of(photographs, seed=0)
    assert len(found.boxes) == len(np.unique(found.boxes, axis=0)) == 8
    assert {tuple(box) for box in found.boxes.tolist()} <= {tuple(box) for box in heap.tolist()}


def _collection(folder: Path, *, number: int) -> None:
    folder.mkdir(parents=True)
    made = [example(folder, seed) for seed in range(number)]
    entries = [
        {
            "file": e.image_path.name,
            "width": 320,
            "height": 240,
            "boxes": e.boxes.tolist(),
            "names": ["disc"] * len(e.boxes),
        }
        for e in made
    ]
    (folder / "boxes.json").write_text(json.dumps({"images": entries}), encoding="utf-8")
