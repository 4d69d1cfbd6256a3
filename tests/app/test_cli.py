"""The command line is a contract: what scripts read, and how errors are told."""

import json
from pathlib import Path

import pytest

from app.workspace import ServerLock, open_workspace
from tests.app.samples import copy_images, run, run_json, write_labels

COMMANDS = [
    "import",
    "classes",
    "tune",
    "prelabel",
    "evaluate",
    "export",
    "status",
    "history",
    "restore",
    "clean",
    "doctor",
    "worker",
    "demo",
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return copy_images(tmp_path / "images", 3)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_teaches_with_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    sdpt-app {command}" in result.output


def test_help_without_a_command_shows_how_to_begin() -> None:
    assert "sdpt-app --data ./images" in run("--help").output


def test_status_has_the_promised_fields_and_counts_imported_boxes_as_human(
    data: Path, tmp_path: Path
) -> None:
    labels = write_labels(tmp_path / "labels.json", 2)
    imported = run_json("import", "--data", data, "--coco", labels)
    status = run_json("status", "--data", data)
    assert {k: status["images"][k] for k in ("total", "labelled", "reviewed", "problems")} == {
        "total": 3,
        "labelled": 2,
        "reviewed": 2,
        "problems": 0,
    }
    boxes = imported["annotations"]
    assert status["annotations"] == {"human": boxes, "accepted": 0, "imported": boxes}
    assert status["predictions"] == {"total": 0, "pending": 0}
    assert status["bundles"] == status["jobs"] == []
    assert status["advice"]["step"] == "prelabel"


def test_importing_twice_adds_nothing(data: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels.json", 2)
    first = run_json("import", "--data", data, "--coco", labels)
    second = run_json("import", "--data", data, "--coco", labels)
    assert (second["annotations"], second["unchanged"]) == (0, first["annotations"])


def test_imported_proposals_wait_for_review(data: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels.json", 2)
    imported = run_json("import", "--data", data, "--coco", labels, "--as", "prediction")
    status = run_json("status", "--data", data)
    assert status["annotations"]["human"] == 0
    assert status["predictions"]["pending"] == imported["annotations"] > 0


def test_export_accepts_sure_proposals_only_in_the_file(data: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels.json", 2)
    imported = run_json("import", "--data", data, "--coco", labels, "--as", "prediction")
    export = ["export", "--data", data, "--format", "coco", "--output", tmp_path / "out.json"]
    assert run_json(*export)["annotations"] == 0
    assert run_json(*export, "--accept-above", 0.5)["annotations"] == imported["annotations"]
    assert run_json("status", "--data", data)["annotations"]["accepted"] == 0


def test_classes_are_added_renamed_and_merged(data: Path) -> None:
    added = ["--add", "cell=round red cell", "--add", "blob"]
    run_json("classes", "--data", data, *added)
    done = run_json("classes", "--data", data, "--rename", "cell=rbc", "--merge", "blob=rbc")
    (only,) = done["classes"]
    assert set(only) == {"id", "name", "prompt_text", "color", "boxes"}
    assert (only["name"], only["prompt_text"], only["boxes"]) == ("rbc", "round red cell", 0)


def test_an_error_is_one_line_and_exit_code_1(data: Path, tmp_path: Path) -> None:
    asked = [
        ("status", "--data", tmp_path / "nowhere"),
        ("import", "--data", data, "--coco", tmp_path / "nothing.json"),
        ("classes", "--data", data, "--merge", "a=b"),
        ("tune", "--data", data, "--backbone", "nano"),
        ("prelabel", "--data", data, "--backbone", "nano", "--bundle", "77"),
        ("export", "--data", data, "--format", "coco", "--output", tmp_path / "no" / "o.json"),
        ("--data", data, "--host", "0.0.0.0", "--no-browser"),
    ]
    for words in asked:
        result = run(*words)
        (told,) = [line for line in result.stderr.splitlines() if "error" in line]
        assert result.exit_code == 1, words
        assert told.startswith("sdpt-app: error: ")
        assert "Traceback" not in result.output
        assert result.stdout == ""


def test_debug_lets_the_error_through(tmp_path: Path) -> None:
    result = run("status", "--data", tmp_path / "nowhere", "--debug")
    assert type(result.exception).__name__ == "DataDirError"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["status"],
        ["import", "--data", "."],
        ["import", "--data", ".", "--coco", "a", "--yolo", "b"],
        ["classes", "--data", ".", "--rename", "only"],
        ["restore", "--data", "."],
        ["restore", "--data", ".", "--undo", "1", "--dry-run"],
        ["history", "--data", ".", "--image", "a.jpg", "--diff", "start"],
        ["export", "--data", ".", "--format", "voc", "--output", "x"],
        ["tune", "--data", ".", "--steps", "0"],
        ["tune", "--data", ".", "--seed", "-1"],
        ["--data", ".", "status", "--data", "."],
    ],
    ids=" ".join,
)
def test_a_usage_slip_is_exit_code_2(words: list[str]) -> None:
    assert run(*words).exit_code == 2


def test_a_second_server_says_who_holds_the_workspace_and_leaves(data: Path) -> None:
    with open_workspace(data) as found, ServerLock(found).acquire("http://127.0.0.1:7860"):
        result = run("--data", data, "--no-browser")
    assert result.exit_code == 1
    assert "is already served by process" in result.stderr
    assert "http://127.0.0.1:7860" in result.stderr


def test_an_original_image_is_never_overwritten_by_an_export(data: Path) -> None:
    image = next(data.glob("*.jpg"))
    before = image.read_bytes()
    result = run("export", "--data", data, "--format", "coco", "--output", image)
    assert result.exit_code == 1
    assert image.read_bytes() == before


def test_doctor_examines_this_machine() -> None:
    document = run_json("doctor")
    names = {check["name"] for check in document["checks"]}
    assert {"python", "torch", "sqlite", "device", "nano", "mongod", "free disk space"} <= names


def test_output_without_json_is_for_people(data: Path) -> None:
    result = run("status", "--data", data)
    assert "3 total" in result.stdout
    with pytest.raises(json.JSONDecodeError):
        json.loads(result.stdout)
