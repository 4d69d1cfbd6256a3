"""The canvas' document and what a person does to the boxes and the state of one image."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field

from app import labelling
from app.classes import add_class
from app.routes.identity import OwnPage, workspace_key
from app.workspace import Workspace
from storage import annotations, categories

MAX_EDITS = 5_000


class Edits(BaseModel):
    """Each edit is {"op": "create"|"update"|"delete", "uid", ...}; see `labelling.edit_from_json`."""

    model_config = ConfigDict(extra="forbid")
    edits: list[dict[str, Any]] = Field(max_length=MAX_EDITS)


class Marks(BaseModel):
    """What is None stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)
    is_reviewed: bool | None = None
    is_skipped: bool | None = None
    is_flagged: bool | None = None


class NewClass(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(max_length=1_000)


def labels_router(workspace: Workspace, author: str, *, on_done: Callable[[], None]) -> APIRouter:
    """`on_done` hears of each image that was finished."""
    router = APIRouter(prefix="/sdpt/api")
    own_page = Depends(OwnPage(workspace))

    @router.get("/session")
    def session() -> dict[str, Any]:
        return {"workspace": workspace_key(workspace), "author": author}

    @router.get("/images/{image_id}/document")
    def document(image_id: int) -> dict[str, Any]:
        return labelling.image_document(workspace, image_id)

    @router.post("/images/{image_id}/edits", dependencies=[own_page])
    def edit(image_id: int, message: Annotated[Edits, Body()]) -> dict[str, Any]:
        """Apply all edits or none; the same message twice changes nothing the second time."""
        edits = [labelling.edit_from_json(item) for item in message.edits]
        labelling.apply_edits(workspace, image_id, edits, author=author, at=datetime.now(UTC))
        return labelling.image_document(workspace, image_id)

    @router.post("/images/{image_id}/marks", dependencies=[own_page])
    def mark(image_id: int, message: Annotated[Marks, Body()]) -> dict[str, Any]:
        at = datetime.now(UTC)
        if message.is_reviewed is not None:
            labelling.set_reviewed(workspace, image_id, is_reviewed=message.is_reviewed, at=at)
            if message.is_reviewed:
                on_done()
        if message.is_skipped is not None:
            labelling.set_skipped(workspace, image_id, is_skipped=message.is_skipped, at=at)
        if message.is_flagged is not None:
            labelling.set_flagged(workspace, image_id, is_flagged=message.is_flagged)
        return labelling.image_document(workspace, image_id)

    @router.get("/classes")
    def classes() -> dict[str, Any]:
        return {"categories": _classes(workspace)}

    @router.post("/classes", dependencies=[own_page])
    def add(message: Annotated[NewClass, Body()]) -> dict[str, Any]:
        added = add_class(workspace, message.name)
        return {"added_id": added.id, "categories": _classes(workspace)}

    return router


def _classes(workspace: Workspace) -> list[dict[str, Any]]:
    """The classes in their order, each with its number of human boxes."""
    with workspace.database.read() as tx:
        counts = annotations.counts_by_category(tx)
        found = categories.list_all(tx)
    return [{**labelling.category_json(c), "num_boxes": counts.get(c.id, 0)} for c in found]
