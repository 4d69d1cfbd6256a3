"""What the person who starts the app decides, and which backbone follows from it."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from app.errors import SettingsError
from app.workspace import Workspace
from sdpt_engine.availability import can_download, is_available_locally
from storage import projects

DEFAULT_HUB_ID = "IDEA-Research/grounding-dino-tiny"
NANO = "nano"
AUTO = "auto"
DOWNLOAD_CHECK_S = 3.0


@dataclass(frozen=True, slots=True)
class Settings:
    """One start of the app."""

    data_dir: Path
    workspace_dir: Path | None = None
    backbone: str = AUTO
    device: str = AUTO
    host: str = "127.0.0.1"
    port: int = 7860
    password: str | None = None
    author: str = ""
    opens_browser: bool = True
    starts_worker: bool = True
    fiftyone_uri: str | None = None
    opens_fiftyone: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"--port {self.port} is not a port. Give a number from 0 to 65535.")
        if not is_loopback(self.host) and not self.password:
            raise SettingsError(
                f"--host {self.host} opens the app to other machines, which demands a password. "
                "Set SDPT_PASSWORD, or keep --host 127.0.0.1."
            )
        if self.fiftyone_uri and not self.fiftyone_uri.startswith(("mongodb://", "mongodb+srv://")):
            raise SettingsError(
                f"--fiftyone-uri '{self.fiftyone_uri}' is no address of a MongoDB server. "
                "Write it as mongodb://HOST:PORT."
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name: 127.0.0.1.example.org is anybody's
        return False


def default_author() -> str:
    """The account's name, so that the history says who drew a box."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, as in some containers
        return "local"


@dataclass(frozen=True, slots=True)
class BackboneChoice:
    """Which detector is used, and why, in words for a person."""

    name: str
    reason: str

    @property
    def sentence(self) -> str:
        return f"Backbone: {self.name} ({self.reason})."


def choose_backbone(workspace: Workspace, asked: str = AUTO) -> BackboneChoice:
    """Pick the detector and remember it in the workspace.

    'auto' takes, in this order: what the workspace remembers, the default when it lies in the local
    cache, the default when it can be downloaded, nano.
    """
    with workspace.database.read() as tx:
        remembered = projects.get(tx).backbone
    choice = _automatic(remembered) if asked == AUTO else _explicit(remembered, asked)
    if choice.name != remembered:
        with workspace.database.write() as tx:
            projects.set_backbone(tx, choice.name, None)
    return choice


def _explicit(remembered: str | None, asked: str) -> BackboneChoice:
    if asked == remembered:
        return BackboneChoice(asked, "as asked")
    if not is_available_locally(asked) and not can_download(asked):
        # Said before it is remembered: a slip of the pen must not stick to the workspace.
        raise SettingsError(
            f"Backbone '{asked}' is neither on this machine nor can it be downloaded. Connect once "
            "to download it, name a folder written by save_pretrained, or use --backbone nano."
        )
    if remembered is None:
        return BackboneChoice(asked, "as asked")
    return BackboneChoice(
        asked,
        f"as asked; this workspace used {remembered} until now, and bundles tuned on it "
        f"wait until --backbone {remembered} is given again",
    )


def _automatic(remembered: str | None) -> BackboneChoice:
    if remembered is not None:
        return BackboneChoice(remembered, "remembered by this workspace")
    if is_available_locally(DEFAULT_HUB_ID):
        return BackboneChoice(DEFAULT_HUB_ID, "found in the local model cache")
    if can_download(DEFAULT_HUB_ID, timeout_s=DOWNLOAD_CHECK_S):
        return BackboneChoice(DEFAULT_HUB_ID, "will be downloaded once")
    return BackboneChoice(
        NANO,
        f"offline: {DEFAULT_HUB_ID} is neither in the local cache nor can it be downloaded; "
        "nano is small and weaker, good for a first try",
    )
