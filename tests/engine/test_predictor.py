"""The numpy face of the detector, on real photographs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sdpt_engine import ObjectClass, Predictor
from sdpt_engine.backbones.base import Detector
from sdpt_engine.data import load_image_upright
from sdpt_engine.errors import ImageUnreadableError, VocabularyError

BLOOD = (ObjectClass(1, "white", "white blood cell"), ObjectClass(2, "red", "red blood cell"))
ROUND = (ObjectClass(1, "disc", "disc"), ObjectClass(2, "circle", "circle"))  # words nano knows


def _samples(folder: Path, number: int) -> list[Path]:
    images = json.loads((folder / "train.json").read_text())["images"][:number]
    return [folder / "images" / image["file_name"] for image in images]


def test_a_folder_of_images_in_one_call_equals_one_by_one(
    nano: Detector, sample_folder: Path
) -> None:
    predictor = Predictor(nano, ROUND)
    paths = _samples(sample_folder, 3)
    together = predictor.predict(paths)
    for path, found in zip(paths, together, strict=True):
        (alone,) = predictor.predict([path])
        np.testing.assert_allclose(alone.boxes, found.boxes, atol=1e-2)
        np.testing.assert_allclose(alone.scores, found.scores, atol=1e-4)


def test_what_a_photograph_shows_does_not_depend_on_its_neighbours_size(
    nano: Detector, sample_folder: Path
) -> None:
    wide = load_image_upright(_samples(sample_folder, 1)[0])  # 640 x 480, 320 x 256 for nano
    tall = np.ascontiguousarray(wide.transpose(1, 0, 2))
    predictor = Predictor(nano, ROUND)
    together = predictor.predict([wide, tall])
    for image, found in zip((wide, tall), together, strict=True):
        (alone,) = predictor.predict([image])
        assert len(alone.scores) == len(found.scores) > 5
        np.testing.assert_allclose(alone.boxes, found.boxes, atol=0.1)
        np.testing.assert_allclose(alone.scores, found.scores, atol=1e-3)


def test_boxes_are_pixels_of_the_image(nano: Detector, sample_folder: Path) -> None:
    (found,) = Predictor(nano, ROUND).predict(_samples(sample_folder, 1))
    assert found.size_wh == (640, 480)
    assert len(found.boxes) > 0
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [640, 480, 640, 480]).all()
    assert (np.diff(found.scores) <= 0).all()


def test_more_classes_than_a_caption_holds_are_asked_in_turns(
    nano: Detector, sample_folder: Path
) -> None:
    many = [ObjectClass(i + 10, f"thing {i}", f"thing number {i}") for i in range(60)]
    assert len(nano.captions(many)) > 1
    (found,) = Predictor(nano, [*many, *ROUND], min_score=0.0).predict(_samples(sample_folder, 1))
    assert found.labels.max() >= 60


def test_no_class_and_no_picture_are_said_plainly(nano: Detector, tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match="no class"):
        Predictor(nano, [])
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    with pytest.raises(ImageUnreadableError, match=r"broken\.jpg"):
        Predictor(nano, BLOOD).predict([broken])


def test_the_record_types_load_neither_torch_nor_transformers() -> None:
    code = "import sys, sdpt_engine.types, sdpt_engine.errors; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_class_in_a_caption_of_its_own_scores_as_it_does_alone(
    nano: Detector, sample_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = max(len(caption.input_ids) for item in BLOOD for caption in nano.captions([item]))
    monkeypatch.setattr(nano.model.config, "max_text_len", longest)
    assert len(nano.captions(BLOOD)) == 2
    limits = {"min_score": 0.02, "duplicate_iou": 1.0}
    (together,) = Predictor(nano, BLOOD, **limits).predict(_samples(sample_folder, 1))
    for label, item in enumerate(BLOOD):
        (alone,) = Predictor(nano, [item], **limits).predict(_samples(sample_folder, 1))
        mine = together.labels == label
        np.testing.assert_allclose(together.scores[mine], alone.scores, atol=1e-5)
        np.testing.assert_allclose(together.boxes[mine], alone.boxes, atol=1e-2)


def test_one_class_and_two_hundred_are_both_answered(nano: Detector, sample_folder: Path) -> None:
    many = [ObjectClass(i + 1, f"kind {i}", f"kind {i}") for i in range(200)]
    for classes in (many[:1], many):
        predictor = Predictor(nano, classes, min_score=0.0)
        (found,) = predictor.predict(_samples(sample_folder, 1))
        assert 0 < len(found.boxes) <= 100
        assert found.labels.max() < len(classes)
