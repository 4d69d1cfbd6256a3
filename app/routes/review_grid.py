"""The page of one class: crops of its proposals, verdicts on all of them at once, and their undoing."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from app import grid
from app.box_crops import crop
from app.labelling import check_uid
from app.routes.identity import OwnPage
from app.routes.pictures import send_picture
from app.workspace import Workspace

_MOST = 500


class GridVerdict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    prediction_id: int
    is_right: bool
    uid: str = Field(default="", max_length=64)


class GridVerdicts(BaseModel):
    model_config = ConfigDict(extra="forbid")
    verdicts: list[GridVerdict] = Field(max_length=_MOST)


class Undone(BaseModel):
    model_config = ConfigDict(extra="forbid")
    prediction_ids: list[int] = Field(max_length=_MOST)


def grid_router(workspace: Workspace, author: str) -> APIRouter:
    router = APIRouter(prefix="/sdpt")
    own_page = Depends(OwnPage(workspace))

    @router.get("/api/review/grid")
    def page(
        category_id: int, limit: Annotated[int, Query(ge=1, le=_MOST)] = grid.PAGE_SIZE
    ) -> dict[str, Any]:
        return grid.page(workspace, category_id, limit=limit)

    @router.post("/api/review/grid", dependencies=[own_page])
    def judge(message: Annotated[GridVerdicts, Body()]) -> dict[str, Any]:
        verdicts = [grid.GridVerdict(v.prediction_id, v.is_right, v.uid) for v in message.verdicts]
        for verdict in verdicts:
            if verdict.is_right:
                check_uid(verdict.uid)
        return asdict(grid.judge(workspace, verdicts, author=author, at=datetime.now(UTC)))

    @router.post("/api/review/grid/undo", dependencies=[own_page])
    def undo(message: Annotated[Undone, Body()]) -> dict[str, Any]:
        ids = message.prediction_ids
        return {"waiting": grid.undo(workspace, ids, author=author, at=datetime.now(UTC))}

    @router.get("/crops/{prediction_id}")
    def picture(prediction_id: int, request: Request) -> Response:
        image, box = grid.place(workspace, prediction_id)
        return send_picture(lambda: crop(workspace, image, box), request)

    return router
