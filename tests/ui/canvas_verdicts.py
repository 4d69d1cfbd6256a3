"""What people said of the proposals on an image, as it is stored."""

from __future__ import annotations

from contextlib import closing

from app.workspace import open_workspace
from storage import predictions
from storage.types import NewPrediction
from tests.ui.conftest import Server

PROPOSALS = (
    NewPrediction((20, 20, 120, 120), 1, 0.9),
    NewPrediction((200, 20, 300, 120), 1, 0.55),
    NewPrediction((20, 200, 120, 300), 2, 0.3),
)


def verdicts(server: Server, image_id: int) -> dict[float, str]:
    """By the score of the proposal."""
    with closing(open_workspace(server.data)) as workspace, workspace.database.read() as tx:
        found = predictions.for_image(tx, image_id)
    return {proposal.score: proposal.verdict.value for proposal in found}
