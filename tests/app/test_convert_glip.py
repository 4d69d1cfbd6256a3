"""`sdpt-app doctor --convert-glip` makes a backbone folder out of a GLIP checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sdpt_engine import ObjectClass, Predictor, load_detector
from sdpt_engine.backbones import nano_folder
from sdpt_engine.backbones.glip import GlipModel
from tests.app.samples import run, run_json
from tests.engine.glip.released import save_short_vocabulary, save_small_checkpoint
from tests.engine.glip.shapes import drawn_model, save_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small one, and a vocabulary as short as it needs in the place of the shipped one."""
    words = save_short_vocabulary(tmp_path / "vocab.txt", nano_folder() / "vocab.txt")
    monkeypatch.setattr("app.doctor.nano_folder", lambda: words.parent)
    return save_small_checkpoint(tmp_path / "small.pth")


def test_doctor_converts_a_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "glip"
    told = run_json("doctor", "--convert-glip", checkpoint, "--output", folder)
    assert told["folder"] == str(folder)
    assert told["left_out"]["follow from the anchor sizes"] == 5
    assert GlipModel.from_pretrained(folder).config.num_fusion_layers == 6


def test_a_converted_checkpoint_is_a_backbone_by_its_folder(
    checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "glip"
    run_json("doctor", "--convert-glip", checkpoint, "--output", folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["inputs"] |= {"min_size_px": 64, "max_size_px": 96}  # small pictures suffice here
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    detector = load_detector(str(folder), device="cpu")
    assert len(detector.fusion_sites()) == 6
    only_known_word = ObjectClass(1, "mark", "!")
    picture = np.zeros((64, 96, 3), np.uint8)
    (found,) = Predictor(detector, [only_known_word], min_score=0.0).predict([picture])
    assert found.size_wh == (96, 64)


def test_a_folder_that_holds_something_is_left_alone(checkpoint: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    result = run("doctor", "--convert-glip", checkpoint, "--output", tmp_path)
    assert result.exit_code == 1
    assert "is no empty folder" in result.output
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_is_no_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("hello")
    result = run("doctor", "--convert-glip", tmp_path / "text.pth", "--output", tmp_path / "glip")
    assert result.exit_code == 1
    assert "sdpt-app: error: The checkpoint" in result.output
    assert not (tmp_path / "glip").exists()


def test_file_and_folder_go_together(checkpoint: Path) -> None:
    assert run("doctor", "--convert-glip", checkpoint).exit_code == 2


def test_a_configuration_beside_the_checkpoint_is_its_own(tmp_path: Path) -> None:
    model = drawn_model(1)
    path = save_checkpoint(model, tmp_path / "drawn")
    run_json("doctor", "--convert-glip", path, "--output", tmp_path / "glip")
    assert GlipModel.from_pretrained(tmp_path / "glip").config == model.config
