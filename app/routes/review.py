"""Verdicts on proposals, the order in which images wait for them, and from which score they show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field

from app import labelling, review, review_queue, showing
from app.errors import InvalidEditError, NotReadyError
from app.paying import show_what_pays
from app.queueing import Order
from app.routes.identity import OwnPage
from app.threshold_panel import shown_document, threshold_document
from app.workspace import Workspace
from storage import categories, images, predictions, review_settings
from storage.shown import Showing
from storage.types import Category, ImageFilter


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


class ChosenOrder(BaseModel):
    """`one_class` needs a class; `look_alikes` takes the newest rejection when none is named."""

    model_config = ConfigDict(extra="forbid")
    order: Order
    category_id: int | None = None
    like_prediction_id: int | None = None
    seed: int = 0


class Merging(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    merges_duplicates: bool


class Thresholds(BaseModel):
    """A score per class id, and one for the "surest" of each image; None goes back to the bundle's own."""

    model_config = ConfigDict(extra="forbid")
    scores: dict[int | showing.Surest, float | None] = Field(max_length=2_000)


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
        """Every image that waits, in the chosen order, and what reviewing all of them should save."""
        try:
            waiting = review_queue.queue(workspace)
        except NotReadyError as error:
            return {"ids": [], "seconds_saved": 0.0, "message": str(error)}
        saved = round(sum(item.seconds_saved for item in waiting), 1)
        return {
            "ids": [item.image_id for item in waiting],
            "seconds_saved": saved,
            "message": None if waiting else _nothing_waits(workspace),
        }

    @router.get("/review")
    def state() -> dict[str, Any]:
        return _state(workspace)

    @router.post("/review/order", dependencies=[own_page])
    def choose(message: Annotated[ChosenOrder, Body()]) -> dict[str, Any]:
        review_queue.choose_order(
            workspace,
            message.order,
            category_id=message.category_id,
            like_prediction_id=message.like_prediction_id,
            seed=message.seed,
        )
        return _state(workspace)

    @router.post("/review/merging", dependencies=[own_page])
    def merge(message: Annotated[Merging, Body()]) -> dict[str, Any]:
        review_queue.set_merging(workspace, merges_duplicates=message.merges_duplicates)
        return _state(workspace)

    @router.get("/review/thresholds")
    def thresholds() -> dict[str, Any]:
        return threshold_document(workspace)

    @router.post("/review/thresholds", dependencies=[own_page])
    def set_thresholds(message: Annotated[Thresholds, Body()]) -> dict[str, Any]:
        showing.set_thresholds(workspace, message.scores, datetime.now(UTC))
        return shown_document(workspace)

    @router.post("/review/thresholds/paying", dependencies=[own_page])
    def pay() -> dict[str, Any]:
        """Show only what should save time, as far as it is known now; the page asks again as more becomes known."""
        show_what_pays(workspace, datetime.now(UTC))
        return shown_document(workspace)

    return router


def _state(workspace: Workspace) -> dict[str, Any]:
    with workspace.database.read() as tx:
        setting = review_settings.get(tx)
        classes = categories.list_all(tx)
        what = showing.showing(tx)
        order = review_queue.order_in_use(tx, setting)
    return {
        "order": order.value,
        "category_id": setting.category_id,
        "seed": setting.seed,
        "merges_duplicates": setting.merges_duplicates,
        "keeps_to_what_pays": setting.keeps_to_what_pays,
        "is_prelabelled": what is not None,
        "shown_from": {} if what is None else _shown_from(what, classes),
        "categories": [labelling.category_json(category) for category in classes],
    }


def _shown_from(what: Showing, classes: Sequence[Category]) -> dict[int | str, float | None]:
    scores: dict[int | str, float | None] = {c.id: what.threshold(c.id) for c in classes}
    scores[showing.SUREST] = what.surest_from
    return scores


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


def _nothing_waits(workspace: Workspace) -> str:
    with workspace.database.read() as tx:
        left = images.count(tx, ImageFilter.UNREVIEWED)
        only = review_queue.only_class(tx)
    if not left:
        return "Every image is done."
    if only is not None:
        return f"No proposal of '{only.name}' waits at its threshold: lower it, or choose another class or order above."
    those = "1 image is not done and has" if left == 1 else f"{left:,} images are not done and have"
    return (
        f"Nothing waits at these thresholds. {those} no proposal that reaches them: lower them, "
        "or draw in Label under 'Not done'."
    )
