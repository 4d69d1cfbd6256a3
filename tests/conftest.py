"""What every test process needs before it imports anything large.

The suite runs in two processes (`-n 2` in pyproject.toml). Each computes with one thread, and has a database server,
ports and folders of its own. FiftyOne reads its settings when it is imported, and writes into the home folder unless
it is told not to.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.fiftyone import mongod
from app.fiftyone.places import Places
from storage.fiftyone_bridge.bridge import Bridge
from tests.ports import own_port

_ROOT = Path(tempfile.mkdtemp(prefix="sdpt-tests-fiftyone-"))
_PORT = own_port()
atexit.register(shutil.rmtree, _ROOT, ignore_errors=True)

os.environ.update(
    {
        "FIFTYONE_DATABASE_URI": f"mongodb://127.0.0.1:{_PORT}",  # nobody kills this one
        "FIFTYONE_DATABASE_DIR": str(_ROOT / "db"),
        "FIFTYONE_CONFIG_PATH": str(_ROOT / "config.json"),
        "FIFTYONE_APP_CONFIG_PATH": str(_ROOT / "app_config.json"),
        "FIFTYONE_DEFAULT_DATASET_DIR": str(_ROOT / "datasets"),
        "FIFTYONE_PLUGINS_DIR": str(_ROOT / "plugins"),
        "FIFTYONE_DO_NOT_TRACK": "true",
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_SHOW_PROGRESS_BARS": "false",
    }
)
if "PYTEST_XDIST_WORKER" in os.environ:  # the other core belongs to the other process
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests first: they are long, and a long file at the end leaves one of two processes idle."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)


@pytest.fixture(scope="session")
def mongo() -> Iterator[None]:
    """The database server that FiftyOne was told of."""
    places = Places(_ROOT)
    places.make()
    command = mongod.command(mongod.find_mongod(), places, _PORT, _ROOT / "mongod.log")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert mongod.wait_until_up(process, _PORT)
    yield
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture
def bridge(mongo: None, tmp_path: Path) -> Bridge:
    """An empty dataset of its own."""
    name = f"test-{tmp_path.name}-{os.urandom(4).hex()}"
    return Bridge.open(name.replace("_", "-"), tmp_path / "images", is_fast=True)
