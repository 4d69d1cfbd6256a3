"""The project as the plugin sees it, inside the process of FiftyOne's server."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from app.fiftyone.naming import dataset_of
from app.fiftyone.places import APP_URL_VARIABLE, DATA_VARIABLE, STATE_VARIABLE
from app.workspace import Workspace, open_workspace
from storage import bundles, categories, images, predictions, projects
from storage.counts import counts
from storage.database import Transaction
from storage.fiftyone_bridge.bridge import Bridge
from storage.types import Image

LOCK = threading.Lock()  # one decision at a time
_OPENING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Session:
    """The workspace and the opened dataset; one per process."""

    workspace: Workspace
    bridge: Bridge
    app_url: str

    def refresh(self) -> None:
        """The mirror may have added fields since."""
        self.bridge.dataset.reload()

    def class_names(self) -> list[str]:
        with self.workspace.database.read() as tx:
            return [c.name for c in categories.list_all(tx)]

    def summary(self, sample_id: str | None) -> str:
        """The panel's text: the open image with the way back to it, the counts, the thresholds."""
        with self.workspace.database.read() as tx:
            parts = [_counts(tx), _thresholds(tx)]
            image = self._image(tx, sample_id)
        link = f"[Open sdpt-app]({self.app_url})"
        if image is not None:
            link = (
                f"**{image.relative_path}**  \n[Open it in Label]({self.app_url}/?image={image.id})"
            )
        return "\n\n".join([link, *(part for part in parts if part)])

    def _image(self, tx: Transaction, sample_id: str | None) -> Image | None:
        found = self.bridge.dataset.select([sample_id]).values("image_id") if sample_id else []
        return images.get(tx, found[0]) if found else None


_sessions: list[Session] = []


def current_session() -> Session:
    """Opened at the first click, not when the server starts.

    It is kept here and not in the plugin, which FiftyOne loads anew for every request.
    """
    with _OPENING:
        if not _sessions:
            _sessions.append(_open_session())
        return _sessions[0]


def _open_session() -> Session:
    """By what the app has put into the environment of this process."""
    state = os.environ[STATE_VARIABLE]
    workspace = open_workspace(Path(os.environ[DATA_VARIABLE]), Path(state))
    bridge = Bridge.open(dataset_of(workspace), workspace.data_dir)
    return Session(workspace, bridge, os.environ.get(APP_URL_VARIABLE, ""))


def _counts(tx: Transaction) -> str:
    number, shown = counts(tx), projects.get(tx).prelabel_bundle_id
    rows = [
        ("images", number.total),
        ("done", number.reviewed),
        ("boxes", number.human + number.accepted),
    ]
    if shown is not None:
        found = predictions.counts(tx, shown)
        rows += [
            ("proposals waiting", found.pending),
            ("accepted", found.accepted + found.corrected),
            ("rejected", found.rejected),
        ]
    return "  \n".join(f"**{n:,}** {what}" for what, n in rows)


def _thresholds(tx: Transaction) -> str:
    shown = projects.get(tx).prelabel_bundle_id
    if shown is None:
        return "No proposals yet: tune and pre-label in sdpt-app."
    bundle = bundles.get(tx, shown)
    rows = [
        f"{c.name}: sure from **{bundle.thresholds[str(c.id)]:.2f}**"
        for c in categories.list_all(tx)
        if str(c.id) in bundle.thresholds
    ]
    if not rows:
        return f"Proposals of **{bundle.name}**: no threshold was measured, all count as sure."
    return "  \n".join([f"Proposals of **{bundle.name}**", *rows])
