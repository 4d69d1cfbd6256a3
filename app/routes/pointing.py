"""A click on an object in, guesses at its box out. Nothing is stored: the canvas makes a box, as if it were drawn."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field

from app.pointing.service import PointingService
from app.routes.identity import OwnPage
from app.workspace import Workspace


class Click(BaseModel):
    """Where an object of which class is, in pixels of the upright image; `taken` are the boxes that the person sees."""

    model_config = ConfigDict(extra="forbid")
    x: float = Field(allow_inf_nan=False)
    y: float = Field(allow_inf_nan=False)
    category_id: int
    taken: list[tuple[float, float, float, float]] = Field(max_length=10_000)


def pointing_router(workspace: Workspace, pointing: PointingService) -> APIRouter:
    router = APIRouter(prefix="/sdpt/api")

    @router.post("/images/{image_id}/boxes-at", dependencies=[Depends(OwnPage(workspace))])
    def boxes_at(image_id: int, click: Annotated[Click, Body()]) -> dict[str, Any]:
        guesses = pointing.boxes_at(
            image_id, (click.x, click.y), category_id=click.category_id, taken=click.taken
        )
        return {"boxes": [[round(value, 3) for value in box] for box in guesses]}

    @router.post("/pointing", dependencies=[Depends(OwnPage(workspace))])
    def warm_up() -> dict[str, Any]:
        """Start what answers clicks: it takes some seconds to come up."""
        pointing.warm_up()
        return {}

    return router
