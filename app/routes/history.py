"""The history: who did what, what changed between two points, and going back (each a new, undoable deed)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from app import history
from app.classes import Who
from app.routes.identity import OwnPage
from app.workspace import Workspace

_POINT = 200  # characters; a point may be a name that a person gave


class Restore(BaseModel):
    """The whole project, or one image of it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    point: str = Field(max_length=_POINT)
    image_id: int | None = None


class Undo(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    change_id: int


class NamedPoint(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(min_length=1, max_length=_POINT)


class MachineBoxes(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    bundle_id: int
    with_accepted: bool = False


def history_router(workspace: Workspace, author: str) -> APIRouter:
    router = APIRouter(prefix="/sdpt/api/history")
    own_page = Depends(OwnPage(workspace))

    @router.get("")
    def timeline(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        until: Annotated[str | None, Query(max_length=_POINT)] = None,
    ) -> dict[str, Any]:
        return history.timeline_document(workspace, limit=limit, until=until)

    @router.get("/difference")
    def difference(
        a: Annotated[str, Query(max_length=_POINT)],
        b: Annotated[str, Query(max_length=_POINT)] = "now",
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> dict[str, Any]:
        return history.difference_document(workspace, a, b, limit=limit, offset=offset)

    @router.get("/images/{image_id}")
    def image(image_id: int) -> dict[str, Any]:
        return history.image_history_document(workspace, image_id)

    @router.get("/images/{image_id}/boxes")
    def boxes(image_id: int, point: Annotated[str, Query(max_length=_POINT)]) -> dict[str, Any]:
        return history.boxes_document(workspace, image_id, point)

    @router.get("/boxes/{uid}")
    def box(uid: str) -> dict[str, Any]:
        return history.box_history_document(workspace, uid)

    @router.get("/machine")
    def machine() -> dict[str, Any]:
        """Per bundle, what of it no person has touched."""
        return history.machine_document(workspace)

    @router.post("/machine", dependencies=[own_page])
    def remove_machine(message: Annotated[MachineBoxes, Body()]) -> dict[str, Any]:
        return history.remove_machine_boxes(
            workspace,
            message.bundle_id,
            with_accepted=message.with_accepted,
            who=Who.now(author),
        )

    @router.post("/restore", dependencies=[own_page])
    def restore(message: Annotated[Restore, Body()]) -> dict[str, Any]:
        return history.restore(
            workspace, message.point, image_id=message.image_id, who=Who.now(author)
        )

    @router.post("/undo", dependencies=[own_page])
    def undo(message: Annotated[Undo, Body()]) -> dict[str, Any]:
        return history.undo(workspace, message.change_id, who=Who.now(author))

    @router.post("/points", dependencies=[own_page])
    def name_point(message: Annotated[NamedPoint, Body()]) -> dict[str, Any]:
        return history.name_point(workspace, message.name.strip(), who=Who.now(author))

    return router
