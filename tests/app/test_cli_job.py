"""The job without a browser, by the command line, with the offline detector."""

from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

from tests.app.samples import SAMPLES, copy_images, labels_of, run, run_json, write_labels


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder of 8 images, 6 of them labelled (fewer are tuned by folds), after two steps of tuning."""
    folder = tmp_path_factory.mktemp("job")
    data = copy_images(folder / "images", 8)
    labels = write_labels(folder / "labels.json", 6)
    run_json("import", "--data", data, "--coco", labels)
    return data, run_json("tune", "--data", data, "--backbone", "nano", "--steps", 2)


def test_tune_reports_zero_shot_beside_tuned(tuned: tuple[Path, dict[str, Any]]) -> None:
    _, result = tuned
    assert result["steps"] == 2
    assert {"bundle", "adopted", "seconds", "trainable_parameters"} <= set(result)
    assert 0 <= result["zero_shot"]["ap50"] <= 1
    assert 0 <= result["tuned"]["ap50"] <= 1


def test_prelabel_proposes_on_images_that_nobody_reviewed(
    tuned: tuple[Path, dict[str, Any]],
) -> None:
    data, result = tuned
    done = run_json("prelabel", "--data", data, "--bundle", result["bundle"])
    assert {"bundle", "images", "predictions", "skipped", "seconds"} <= set(done)
    assert (done["images"], done["skipped"]) == (2, [])


def test_evaluate_judges_the_images_and_classes_that_both_know(
    tuned: tuple[Path, dict[str, Any]],
) -> None:
    data, _ = tuned
    truth = SAMPLES / "train.json"  # holds 40 images, of which 8 are in the folder
    done = run_json("evaluate", "--data", data, "--coco", truth, "--bundle", "zero-shot")
    assert (done["bundle"], done["num_images"]) == ("zero-shot", 8)
    assert set(done["per_class"]) == {"white blood cell", "red blood cell", "platelet"}
    assert set(done["per_class"]["platelet"]) == {"ap", "ap50"}


def test_evaluate_says_when_no_class_is_shared(tmp_path: Path) -> None:
    data = copy_images(tmp_path / "images", 1)
    run_json("classes", "--data", data, "--add", "tractor")
    truth = SAMPLES / "train.json"
    result = run("evaluate", "--data", data, "--coco", truth, "--backbone", "nano")
    assert result.exit_code == 1
    assert "'tractor'" in result.stderr


def test_what_is_imported_comes_out_again(tuned: tuple[Path, dict[str, Any]]) -> None:
    data, _ = tuned
    output = data.parent / "out.json"
    report = run_json("export", "--data", data, "--format", "coco", "--output", output)
    assert set(report) == {"path", "images", "annotations"}
    exported, given = COCO(str(output)), labels_of(6)

    def boxes(coco: dict[str, Any]) -> list[tuple[object, ...]]:
        files = {image["id"]: image["file_name"] for image in coco["images"]}
        names = {c["id"]: c["name"] for c in coco["categories"]}
        return sorted(
            (files[a["image_id"]], names[a["category_id"]], *a["bbox"]) for a in coco["annotations"]
        )

    assert boxes(exported.dataset) == boxes(given)


def test_a_yolo_export_comes_in_again(tuned: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    data, _ = tuned
    folder = tmp_path / "yolo"
    report = run_json("export", "--data", data, "--format", "yolo", "--output", folder)
    place = ["--data", data, "--workspace", tmp_path / "other"]
    imported = run_json("import", *place, "--yolo", folder)
    assert imported["annotations"] == report["annotations"] == len(labels_of(6)["annotations"])
