"""State lies in its own folder, one server holds it, and no path leads out of the images."""

import os
from pathlib import Path

import pytest

from app.demo import DEMO_CLASSES, prepare_demo
from app.errors import DataDirError, PathEscapeError, StateDirError, WorkspaceBusyError
from app.workspace import ServerLock, open_workspace, server_holder
from storage import categories, projects


def test_state_lies_in_the_folder_or_where_it_is_asked_for(tmp_path: Path) -> None:
    data = tmp_path / "images"
    data.mkdir()
    with open_workspace(data, tmp_path / "state") as workspace:
        assert (workspace.state_dir / "sdpt.sqlite").is_file()
    assert not (data / ".sdpt").exists()
    with open_workspace(data):
        assert (data / ".sdpt" / "sdpt.sqlite").is_file()


def test_a_folder_that_is_missing_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirError, match="does not exist"):
        open_workspace(tmp_path / "nowhere")
    with pytest.raises(DataDirError, match="is a file"):
        open_workspace(tmp_path / "file")


def test_a_state_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateDirError, match="--workspace"):
        open_workspace(tmp_path, tmp_path / "file" / "state")


def test_a_path_may_not_leave_the_folder(tmp_path: Path) -> None:
    with open_workspace(tmp_path) as workspace, pytest.raises(PathEscapeError):
        workspace.image_path("../secret.jpg")


def test_the_second_server_learns_who_the_first_is(tmp_path: Path) -> None:
    with open_workspace(tmp_path) as workspace:
        with ServerLock(workspace).acquire("http://here"):
            holder = server_holder(workspace)
            with pytest.raises(WorkspaceBusyError, match=f"process {os.getpid()} at http://here"):
                ServerLock(workspace).acquire("http://there")
        assert holder is not None
        assert holder.url == "http://here"
        assert server_holder(workspace) is None


def test_the_demo_is_prepared_once_and_keeps_its_classes(tmp_path: Path) -> None:
    for _ in range(2):
        data = prepare_demo(tmp_path / "demo")
    with open_workspace(data) as workspace, workspace.database.read() as tx:
        assert projects.get(tx).backbone == "nano"
        assert tuple(c.name for c in categories.list_all(tx)) == DEMO_CLASSES
    assert len(list(data.glob("*.jpg"))) == 40
    assert (tmp_path / "demo" / "train.json").is_file()
