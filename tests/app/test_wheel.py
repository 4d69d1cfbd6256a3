"""A built wheel does the whole headless job, with nothing of the source tree in reach."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "assets" / "samples" / "bccd"


@pytest.fixture(scope="module")
def installed_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that holds the unpacked wheel; third-party packages come from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    return target


@pytest.fixture
def environment(installed_wheel: Path) -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(installed_wheel), "OMP_WAIT_POLICY": "PASSIVE"}


def _run(environment: Mapping[str, str], cwd: Path, *words: str) -> dict[str, object]:
    command = [sys.executable, "-m", "app", *words, "--json"]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def test_an_installed_wheel_imports_tunes_prelabels_and_exports(
    environment: Mapping[str, str], installed_wheel: Path, tmp_path: Path
) -> None:
    data = tmp_path / "images"
    data.mkdir()
    document = json.loads((SAMPLES / "train.json").read_text())
    chosen = document["images"][:6]
    for image in document["images"][:8]:
        shutil.copy(SAMPLES / "images" / image["file_name"], data)
    ids = {image["id"] for image in chosen}
    document["images"] = chosen
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] in ids]
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(document))

    place = ("--data", str(data))
    _run(environment, tmp_path, "import", *place, "--coco", str(labels))
    tuned = _run(environment, tmp_path, "tune", *place, "--backbone", "nano", "--steps", "2")
    assert tuned["steps"] == 2
    prelabelled = _run(environment, tmp_path, "prelabel", *place)
    assert prelabelled["images"] == 2
    output = tmp_path / "out.json"
    exported = _run(
        environment, tmp_path, "export", *place, "--format", "coco", "--output", str(output)
    )
    assert exported["annotations"] == len(document["annotations"])


def test_the_wheel_carries_its_assets(installed_wheel: Path) -> None:
    assert (installed_wheel / "assets" / "backbones" / "nano" / "config.json").is_file()
    assert (installed_wheel / "storage" / "migrations").is_dir()
