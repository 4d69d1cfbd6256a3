"""The effort meter: the browser says how long things took, and hears what that comes to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field

from app.advising import effort_report
from app.effort import Timed, record
from app.effort_document import effort_document
from app.labelling import check_uid
from app.routes.identity import OwnPage
from app.workspace import Workspace


class TimedAction(BaseModel):
    model_config = ConfigDict(extra="forbid")
    uid: str = Field(max_length=64)
    image_id: int
    action: Literal[
        "drawn",
        "pointed",
        "accepted",
        "corrected",
        "rejected",
        "edited",
        "deleted",
        "done",
        "skipped",
    ]
    seconds: float = Field(ge=0, allow_inf_nan=False)
    num_boxes: int = Field(default=1, ge=0, le=5_000)


class TimedActions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    timed: list[TimedAction] = Field(max_length=1_000)


def effort_router(workspace: Workspace, author: str) -> APIRouter:
    router = APIRouter(prefix="/sdpt/api/review")
    own_page = Depends(OwnPage(workspace))

    @router.get("/effort")
    def effort() -> dict[str, Any]:
        return effort_document(effort_report(workspace))

    @router.post("/effort", dependencies=[own_page])
    def keep(message: Annotated[TimedActions, Body()]) -> dict[str, Any]:
        for item in message.timed:
            check_uid(item.uid)
        timed = [Timed(**item.model_dump()) for item in message.timed]
        record(workspace, timed, author=author, at=datetime.now(UTC))
        return {"kept": len(timed)}

    return router
