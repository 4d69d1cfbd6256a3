"""FiftyOne on somebody's own MongoDB server: it is used, never started, stopped or tidied up."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pymongo
import pytest

from app.fiftyone import mongod
from app.fiftyone.places import DATABASE_NAME, Places
from app.security import CUSTOM_HEADER
from app.workspace import open_workspace
from storage import annotations, predictions
from storage.types import Origin, Verdict
from tests.app.samples import copy_images, run_json, write_labels
from tests.ports import own_port

OPENING_S = 1_000
OF_MONGODB = ("admin", "config", "local")


@dataclass(frozen=True, slots=True)
class Foreign:
    """A server that this test started itself, with what somebody keeps there."""

    process: subprocess.Popen[bytes]
    uri: str

    def everything(self) -> dict[str, dict[str, list[Any]]]:
        """All documents by database and collection, but for ours."""
        with pymongo.MongoClient(self.uri) as client:
            names = set(client.list_database_names()) - {DATABASE_NAME, *OF_MONGODB}
            return {
                name: {
                    c: list(client[name][c].find()) for c in client[name].list_collection_names()
                }
                for name in sorted(names)
            }


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Foreign]:
    """With a FiftyOne of its own, of another version and with a dataset that its next end would delete."""
    places, port = Places(tmp_path / "foreign"), own_port()
    places.make()
    command = mongod.command(mongod.find_mongod(), places, port, tmp_path / "foreign.log")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert mongod.wait_until_up(process, port)
    made = Foreign(process, f"mongodb://127.0.0.1:{port}")
    with pymongo.MongoClient(made.uri) as client:
        client["fiftyone"]["config"].insert_one({"type": "fiftyone", "version": "0.21.0"})
        client["fiftyone"]["datasets"].insert_one({"name": "theirs", "persistent": False})
        client["shop"]["orders"].insert_one({"number": 7})
    yield made
    process.terminate()
    process.wait(timeout=60)


@dataclass(frozen=True, slots=True)
class Opened:
    """The whole stack: the app, and FiftyOne at `url`."""

    process: psutil.Process
    url: str

    def ask(self, path: str, document: dict[str, Any]) -> Any:
        address = self.url.partition("/datasets/")[0] + path
        request = urllib.request.Request(address, json.dumps(document).encode())
        request.add_header("content-type", "application/json")
        request.add_header(CUSTOM_HEADER, "test")
        with urllib.request.urlopen(request, timeout=OPENING_S) as answer:
            return json.loads(answer.read())


@contextmanager
def opened(data: Path, uri: str) -> Iterator[Opened]:
    words = ["review", "--data", str(data), "--backbone", "nano", "--port", str(own_port())]
    words += ["--fiftyone-uri", uri, "--no-browser", "--no-worker", "--json"]
    app = subprocess.Popen([sys.executable, "-m", "app", *words], stdout=subprocess.PIPE)
    assert app.stdout is not None
    try:
        told = app.stdout.readline()  # once FiftyOne is open
        yield Opened(psutil.Process(app.pid), json.loads(told)["url"])
    finally:
        app.terminate()
        app.wait(timeout=180)


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + OPENING_S
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


@pytest.mark.timeout(1_800)
def test_a_server_of_somebody_else_is_used_and_otherwise_left_alone(
    foreign: Foreign, tmp_path: Path
) -> None:
    data = copy_images(tmp_path / "images", 2)
    labels = write_labels(tmp_path / "labels.json", 2)
    run_json("import", "--data", data, "--coco", labels, "--as", "prediction")
    before = foreign.everything()
    assert set(before) == {"fiftyone", "shop"}

    with opened(data, foreign.uri) as stack, pymongo.MongoClient(foreign.uri) as client:
        name = stack.url.rpartition("/")[2]
        dataset = client[DATABASE_NAME]["datasets"].find_one({"name": name})
        samples = client[DATABASE_NAME][dataset["sample_collection_name"]]
        assert samples.count_documents({}) == 2  # pushed
        first = samples.find_one({"image_id": 1})
        accept = {"operator_uri": "@sdpt-app/review/accept", "dataset_name": name}
        stack.ask("/operators/execute", {**accept, "selected": [str(first["_id"])]})
        programs = [child.name() for child in stack.process.children(recursive=True)]
        assert not any("mongod" in program for program in programs)

    with open_workspace(data) as workspace, workspace.database.read() as tx:
        judged = predictions.for_image(tx, 1)
        made = annotations.for_image(tx, 1)
        own_folder = Places.of(workspace).database_dir
    assert {p.verdict for p in judged} == {Verdict.ACCEPTED}
    assert {a.origin for a in made} == {Origin.ACCEPTED}
    assert list(own_folder.iterdir()) == []
    assert foreign.process.poll() is None
    assert foreign.everything() == before
