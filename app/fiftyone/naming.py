"""The name of the project's dataset in FiftyOne."""

from __future__ import annotations

from app.routes.identity import workspace_key
from app.workspace import Workspace
from storage import projects
from storage.fiftyone_bridge.fields import dataset_name


def dataset_of(workspace: Workspace) -> str:
    with workspace.database.read() as tx:
        project = projects.get(tx)
    return dataset_name(project.name, workspace_key(workspace))
