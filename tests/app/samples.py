"""Small folders of real images for the tests of the app."""

import json
import shutil
from pathlib import Path
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli

SAMPLES = Path(__file__).parents[2] / "assets" / "samples" / "bccd"

TAUGHT_PROMPTS = {"red blood cell": "disc", "white blood cell": "circle", "platelet": "dot"}
"""Words that nano was taught: asked by these it proposes much on every smear, before any tuning."""


def copy_images(folder: Path, number: int) -> Path:
    """The first `number` samples in a new folder."""
    folder.mkdir()
    for image in labels_of(number)["images"]:
        shutil.copy(SAMPLES / "images" / image["file_name"], folder)
    return folder


def labels_of(number: int) -> dict[str, Any]:
    """The COCO document of the first `number` samples."""
    document: dict[str, Any] = json.loads((SAMPLES / "train.json").read_text())
    document["images"] = document["images"][:number]
    ids = {image["id"] for image in document["images"]}
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] in ids]
    return document


def write_labels(path: Path, number: int) -> Path:
    path.write_text(json.dumps(labels_of(number)))
    return path


def ask_by_taught_words(data: Path) -> None:
    """Let proposals on smears not hang on what nano makes of the names of cells, which no training taught it."""
    prompts = [f"{name}={text}" for name, text in TAUGHT_PROMPTS.items()]
    run_json("classes", "--data", data, *(word for p in prompts for word in ("--prompt", p)))


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def run_json(*words: object) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)
