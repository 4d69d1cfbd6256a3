"""Which workspace a page belongs to.

Two workspaces may be served at the same address one after the other, and image ids begin at 1 in both. A page
that was left open must not send its boxes into the other one.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Header

from app.errors import AppError
from app.workspace import Workspace
from storage import projects


class OtherWorkspaceError(AppError):
    """A page of another workspace sent a change here."""


def workspace_key(workspace: Workspace) -> str:
    """A short name of the workspace that survives restarts: 16 hex digits."""
    with workspace.database.read() as tx:
        project = projects.get(tx)
    text = f"{workspace.state_dir}|{project.created_at.isoformat()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class OwnPage:
    """A dependency of every route that changes something; scripts may leave the header out."""

    def __init__(self, workspace: Workspace) -> None:
        self._key = workspace_key(workspace)
        self._state_dir = workspace.state_dir

    def __call__(self, x_sdpt_workspace: Annotated[str, Header(max_length=64)] = "") -> None:
        if x_sdpt_workspace not in ("", self._key):
            raise OtherWorkspaceError(
                f"This page belongs to another workspace; here is '{self._state_dir}' now. Nothing "
                "was changed. Reload the page, or start the other workspace again."
            )
