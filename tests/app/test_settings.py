"""Which backbone is used, and what may be asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from app.errors import SettingsError
from app.settings import DEFAULT_HUB_ID, Settings, choose_backbone
from app.workspace import Workspace, open_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(tmp_path) as found:
        yield found


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))


@pytest.mark.usefixtures("_offline")
def test_offline_the_automatic_choice_is_nano_and_says_why(workspace: Workspace) -> None:
    choice = choose_backbone(workspace)
    assert choice.name == "nano"
    assert "offline" in choice.sentence


@pytest.mark.usefixtures("_offline")
def test_a_workspace_remembers_its_backbone(workspace: Workspace) -> None:
    choose_backbone(workspace, "nano")
    assert choose_backbone(workspace).reason == "remembered by this workspace"


@pytest.mark.usefixtures("_offline")
def test_an_unreachable_backbone_is_refused_and_not_remembered(workspace: Workspace) -> None:
    with pytest.raises(SettingsError, match="--backbone nano"):
        choose_backbone(workspace, DEFAULT_HUB_ID)
    assert choose_backbone(workspace).name == "nano"


def test_other_machines_may_come_in_only_with_a_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SDPT_PASSWORD"):
        Settings(tmp_path, host="0.0.0.0")
    assert Settings(tmp_path, host="0.0.0.0", password="open sesame").host == "0.0.0.0"
