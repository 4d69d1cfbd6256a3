"""Opening and closing FiftyOne, and what is to be decided about it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends

from app.fiftyone.service import FiftyOneService
from app.routes.identity import OwnPage
from app.workspace import Workspace
from storage import conflicts
from storage.types import ConflictChoice


def fiftyone_router(workspace: Workspace, service: FiftyOneService, author: str) -> APIRouter:
    router = APIRouter(prefix="/sdpt/api/fiftyone")
    own_page = Depends(OwnPage(workspace))

    @router.get("")
    def status() -> dict[str, Any]:
        return {**asdict(service.status), "mirror": service.mirror, "pids": service.pids()}

    @router.post("/open", dependencies=[own_page])
    def open_() -> dict[str, Any]:
        """Starts it, if it is not there yet; raises MongodMissingError."""
        return asdict(service.start())

    @router.post("/close", dependencies=[own_page])
    def close() -> dict[str, Any]:
        service.stop()
        return asdict(service.status)

    @router.post("/conflicts/{conflict_id}/{choice}", dependencies=[own_page])
    def settle(conflict_id: int, choice: ConflictChoice) -> dict[str, Any]:
        with workspace.database.write() as tx:
            at = datetime.now(UTC)
            return asdict(conflicts.settle(tx, conflict_id, choice, author=author, at=at))

    return router
