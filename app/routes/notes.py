"""Comments on images, and what happens to an image while it is open: for the canvas."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from app import labelling
from app.presence import Presence
from app.routes.identity import OwnPage
from app.workspace import Workspace
from storage import notes, projects
from storage.image_versions import image_version


class Note(BaseModel):
    """`expected` is the comment that the writer saw; another one stored by now is a conflict."""

    model_config = ConfigDict(extra="forbid", strict=True)
    text: str = Field(max_length=notes.LONGEST_NOTE)
    expected: str | None = None


def notes_router(workspace: Workspace, author: str) -> APIRouter:
    router = APIRouter(prefix="/sdpt/api/images/{image_id}")
    presence = Presence()

    @router.post("/note", dependencies=[Depends(OwnPage(workspace))])
    def write(image_id: int, message: Annotated[Note, Body()]) -> dict[str, Any]:
        with workspace.database.write() as tx:
            notes.write(
                tx,
                image_id,
                message.text,
                author=author,
                at=datetime.now(UTC),
                expected=message.expected,
            )
        return labelling.image_document(workspace, image_id)

    @router.get("/watch")
    def watch(
        image_id: int, page: Annotated[str, Query(max_length=64)], leaves: bool = False
    ) -> dict[str, Any]:
        """What a page asks every few seconds about the image that it shows, and when it is closed."""
        with workspace.database.read() as tx:
            bundle_id = projects.get(tx).prelabel_bundle_id
            version = image_version(tx, image_id, bundle_id=bundle_id)
        others = presence.look(page, image_id, at=datetime.now(UTC))
        if leaves:
            presence.leave(page)
        return {"version": version, "num_others": others}

    return router
