"""FiftyOne's processes: found or missed with one clear line, rebuilt, behind our gate, out of the home folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.errors import SettingsError
from app.fiftyone import mongod
from app.fiftyone.errors import MongodMissingError
from app.fiftyone.front import OnlyOurPictures
from app.fiftyone.places import Places, environment
from app.fiftyone.service import FiftyOneService, Phase
from app.ingest import ingest
from app.security import Gate, SecurityMiddleware
from app.settings import Settings
from app.workspace import Workspace, open_workspace
from tests.app.samples import copy_images, run


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with closing(open_workspace(copy_images(tmp_path / "images", 1))) as opened:
        ingest(opened)
        yield opened


@pytest.fixture
def no_mongod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mongod.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_missing_mongod_is_one_line_that_says_how_to_get_it(
    workspace: Workspace, no_mongod: None
) -> None:
    with FiftyOneService(workspace, app_url="http://127.0.0.1:1") as closed:
        with pytest.raises(MongodMissingError, match=r"pip install 'sdpt-app\[mongod\]'"):
            closed.start()
        assert closed.status.phase is Phase.OFF


def test_a_mongod_on_the_path_is_taken(
    no_mongod: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "mongod"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    assert mongod.find_mongod() == own


def test_a_folder_that_mongod_cannot_open_is_built_anew_and_said_so(workspace: Workspace) -> None:
    places = Places.of(workspace)
    places.make()
    for name in ("WiredTiger", "WiredTiger.turtle", "storage.bson"):
        (places.database_dir / name).write_bytes(b"of another MongoDB")
    started = mongod.launch(places, workspace.logs_dir / "mongod.log")
    assert started.is_rebuilt
    assert mongod.accepts(started.port)
    started.child.end(20)


def test_a_mongod_that_a_killed_app_left_behind_makes_room(workspace: Workspace) -> None:
    places = Places.of(workspace)
    places.make()
    left = mongod.launch(places, workspace.logs_dir / "mongod.log")
    again = mongod.launch(places, workspace.logs_dir / "mongod.log")
    assert not again.is_rebuilt
    assert left.child.pid is None
    again.child.end(20)


def test_a_stale_lock_of_a_killed_mongod_is_no_obstacle(workspace: Workspace) -> None:
    places = Places.of(workspace)
    places.make()
    first = mongod.launch(places, workspace.logs_dir / "mongod.log")
    assert first.child.process is not None
    first.child.process.kill()
    first.child.process.wait()
    again = mongod.launch(places, workspace.logs_dir / "mongod.log")
    assert not again.is_rebuilt
    again.child.end(20)


def test_everything_of_fiftyone_lies_in_the_workspace(workspace: Workspace) -> None:
    found = environment(workspace, "mongodb://127.0.0.1:1", app_url="http://127.0.0.1:2")
    root = str(Places.of(workspace).root)
    folders = [
        v for k, v in found.items() if k.startswith("FIFTYONE_") and k.endswith(("DIR", "PATH"))
    ]
    assert len(folders) >= 6
    assert all(v.startswith(root) or "plugins" in v for v in (*folders, found["HOME"]))
    assert found["FIFTYONE_DO_NOT_TRACK"] == "true"


def test_an_address_that_is_none_of_mongodb_is_refused() -> None:
    with pytest.raises(SettingsError, match="mongodb://HOST:PORT"):
        Settings(data_dir=Path(), fiftyone_uri="localhost:27017")


def client(workspace: Workspace) -> TestClient:
    """Our gate before a server that would tell everything."""
    inner = Starlette(routes=[Route("/fiftyone", lambda _request: PlainTextResponse("there"))])
    guarded = SecurityMiddleware(OnlyOurPictures(inner, workspace), Gate("127.0.0.1", 80, None))
    return TestClient(guarded, base_url="http://127.0.0.1")


def test_only_pictures_of_the_project_are_sent(workspace: Workspace) -> None:
    own = next(workspace.data_dir.glob("*.jpg"))
    asking = client(workspace)
    assert asking.get("/media", params={"filepath": str(own)}).content == own.read_bytes()
    (workspace.data_dir / "secret.txt").write_text("secret")
    for other in ("/etc/passwd", workspace.data_dir / "secret.txt", f"{own}/../../x", ""):
        assert asking.get("/media", params={"filepath": str(other)}).status_code == 404


def test_foreign_pages_and_names_are_refused_and_fonts_stay_away(workspace: Workspace) -> None:
    asking = client(workspace)
    answer = asking.get("/fiftyone")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert asking.get("/fiftyone", headers={"host": "evil.example"}).status_code == 403
    foreign = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    assert asking.post("/fiftyone", headers=foreign).status_code == 403


def test_the_command_says_what_is_missing(workspace: Workspace) -> None:
    result = run("review", "--data", workspace.data_dir / "none")
    assert result.exit_code == 1
    assert "does not exist" in result.stderr
