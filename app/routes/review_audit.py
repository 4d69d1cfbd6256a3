"""The blind audit: draw a sample, take in what was drawn blind, show where labels differ, say what is left."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field

from app import audit, labelling
from app.routes.identity import OwnPage
from app.workspace import Workspace
from storage import audits, categories, images
from storage.audits import Audit

_LARGEST_SEED = 1_000_000


class NewAudit(BaseModel):
    """Without a seed one is drawn; it is shown and stored, so that the sample can be drawn again."""

    model_config = ConfigDict(extra="forbid")
    num_images: int = Field(default=audit.SAMPLE_SIZE, ge=1, le=10_000)
    seed: int | None = None


class BlindBox(BaseModel):
    model_config = ConfigDict(extra="forbid")
    box: tuple[float, float, float, float]
    category_id: int


class Blind(BaseModel):
    model_config = ConfigDict(extra="forbid")
    boxes: list[BlindBox] = Field(max_length=5_000)


class Settled(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label_is_right: list[int] = Field(max_length=10_000)


def audit_router(workspace: Workspace, author: str) -> APIRouter:
    router = APIRouter(prefix="/sdpt/api/review/audit")
    own_page = Depends(OwnPage(workspace))

    @router.get("")
    def newest() -> dict[str, Any]:
        return _document(workspace, audit.newest(workspace))

    @router.post("", dependencies=[own_page])
    def start(message: Annotated[NewAudit, Body()]) -> dict[str, Any]:
        seed = secrets.randbelow(_LARGEST_SEED) if message.seed is None else message.seed
        begun = audit.start(
            workspace,
            num_images=message.num_images,
            seed=seed,
            author=author,
            at=datetime.now(UTC),
        )
        return _document(workspace, begun)

    @router.get("/{audit_id}/images/{image_id}")
    def image(audit_id: int, image_id: int) -> dict[str, Any]:
        """The bare image; labels and differences only once it was drawn."""
        return _image_document(workspace, audit_id, image_id)

    @router.post("/{audit_id}/images/{image_id}", dependencies=[own_page])
    def submit(audit_id: int, image_id: int, message: Annotated[Blind, Body()]) -> dict[str, Any]:
        blind = [(item.box, item.category_id) for item in message.boxes]
        audit.submit(workspace, audit_id, image_id, blind, at=datetime.now(UTC))
        return _image_document(workspace, audit_id, image_id)

    @router.post("/{audit_id}/images/{image_id}/settled", dependencies=[own_page])
    def settle(audit_id: int, image_id: int, message: Annotated[Settled, Body()]) -> dict[str, Any]:
        right, at = message.label_is_right, datetime.now(UTC)
        audit.settle_image(workspace, audit_id, image_id, right, at=at)
        return _image_document(workspace, audit_id, image_id)

    return router


def _document(workspace: Workspace, found: Audit | None) -> dict[str, Any]:
    with workspace.database.read() as tx:
        classes = [labelling.category_json(c) for c in categories.list_all(tx)]
    if found is None:
        return {"audit": None, "categories": classes}
    drawn = [entry for entry in found.images if entry.blind is not None]
    return {
        "categories": classes,
        "audit": {
            "id": found.id,
            "at": found.at.isoformat(),
            "author": found.author,
            "seed": found.seed,
            "num_done": found.num_done,
            "is_finished": found.finished_at is not None,
            "image_ids": [entry.image_id for entry in found.images],
            "drawn_ids": [entry.image_id for entry in drawn],
            "result": audit.result_json(found) if drawn else None,
        },
    }


def _image_document(workspace: Workspace, audit_id: int, image_id: int) -> dict[str, Any]:
    with workspace.database.read() as tx:
        found = audits.get(tx, audit_id)
        image = images.get(tx, image_id)
    entry = next((entry for entry in found.images if entry.image_id == image_id), None)
    document: dict[str, Any] = {"image": labelling.image_json(image), "is_drawn": False}
    if entry is None or entry.blind is None:
        return document
    return {
        **document,
        **_document(workspace, found),
        "is_drawn": True,
        "labels": [{"box": a.box, "category_id": a.category_id} for a in entry.labels],
        "blind": [{"box": box, "category_id": category_id} for box, category_id in entry.blind],
        "differences": audit.differences_json(entry),
    }
