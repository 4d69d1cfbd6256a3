"""Verdicts on proposals, and the order in which images wait for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field

from app import labelling, review
from app.errors import InvalidEditError, NotReadyError
from app.routes.identity import OwnPage
from app.workspace import Workspace
from storage import predictions

_LONGEST_QUEUE = 100_000


class Verdict(BaseModel):
    """`pending` takes a verdict back; `corrected` needs box and class, both verdicts with a box a uid."""

    model_config = ConfigDict(extra="forbid")
    prediction_id: int
    verdict: Literal["accepted", "corrected", "rejected", "pending"]
    uid: str = Field(default="", max_length=64)
    box: tuple[float, float, float, float] | None = None
    category_id: int | None = None


class Verdicts(BaseModel):
    model_config = ConfigDict(extra="forbid")
    verdicts: list[Verdict] = Field(max_length=5_000)


def review_router(workspace: Workspace, author: str) -> APIRouter:
    router = APIRouter(prefix="/sdpt/api")
    own_page = Depends(OwnPage(workspace))

    @router.post("/images/{image_id}/verdicts", dependencies=[own_page])
    def judge(image_id: int, message: Annotated[Verdicts, Body()]) -> dict[str, Any]:
        """Judge in the order given. Each verdict stands for itself and may be sent again."""
        _require_same_image(workspace, image_id, message.verdicts)
        for verdict in message.verdicts:
            _apply(workspace, verdict, author=author)
        return labelling.image_document(workspace, image_id)

    @router.get("/review/queue")
    def queue() -> dict[str, Any]:
        """Every image that waits, least certain first."""
        try:
            waiting = review.queue(workspace, limit=_LONGEST_QUEUE, offset=0)
        except NotReadyError as error:
            return {"ids": [], "message": str(error)}
        return {"ids": [item.image_id for item in waiting], "message": None}

    return router


def _require_same_image(workspace: Workspace, image_id: int, verdicts: list[Verdict]) -> None:
    with workspace.database.read() as tx:
        found = [predictions.get(tx, verdict.prediction_id) for verdict in verdicts]
    foreign = [proposal.id for proposal in found if proposal.image_id != image_id]
    if foreign:
        raise InvalidEditError(f"Proposals {foreign[:5]} do not belong to image {image_id}.")


def _apply(workspace: Workspace, verdict: Verdict, *, author: str) -> None:
    proposal, at = verdict.prediction_id, datetime.now(UTC)
    if verdict.verdict == "rejected":
        review.reject(workspace, proposal, author=author, at=at)
        return
    if verdict.verdict == "pending":
        review.unjudge(workspace, proposal, author=author, at=at)
        return
    labelling.check_uid(verdict.uid)
    if verdict.verdict == "accepted":
        review.accept(workspace, proposal, uid=verdict.uid, author=author, at=at)
        return
    if verdict.box is None or verdict.category_id is None:
        raise InvalidEditError("A corrected proposal needs its new 'box' and 'category_id'.")
    review.correct(
        workspace,
        proposal,
        uid=verdict.uid,
        box=verdict.box,
        category_id=verdict.category_id,
        author=author,
        at=at,
    )
