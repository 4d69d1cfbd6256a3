"""Lists of images for the filmstrip: all ids of a filter at once, the cards of the visible ones only."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.errors import InvalidEditError
from app.showing import num_shown, showing
from app.workspace import Workspace
from storage import annotations, counts, image_search, images, notes
from storage.database import Transaction
from storage.image_search import ImageSearch
from storage.types import Image, ImageFilter

MAX_CARDS = 200


def browse_router(workspace: Workspace) -> APIRouter:
    router = APIRouter(prefix="/sdpt/api/browse")

    @router.get("/ids")
    def ids(
        state: ImageFilter = ImageFilter.ALL,
        query: Annotated[str, Query(max_length=400)] = "",
        category_id: int | None = None,
        score_from: Annotated[float | None, Query(ge=0, le=1)] = None,
        score_to: Annotated[float | None, Query(ge=0, le=1)] = None,
    ) -> dict[str, Any]:
        """The images that fit all of it, in their order; see `ImageSearch`."""
        search = ImageSearch(state, query, category_id, score_from, score_to)
        with workspace.database.read() as tx:
            return {"ids": image_search.find_ids(tx, search, showing(tx))}

    @router.get("/cards")
    def cards(ids: Annotated[str, Query(max_length=4_000)]) -> dict[str, Any]:
        """What the filmstrip shows of these images; ids separated by commas, 200 at most."""
        wanted = _ids(ids)
        with workspace.database.read() as tx:
            return {"cards": _cards(tx, wanted)}

    @router.get("/counts")
    def numbers() -> dict[str, Any]:
        with workspace.database.read() as tx:
            found = counts.counts(tx)
        return {
            "total": found.total,
            "labelled": found.labelled,
            "reviewed": found.reviewed,
            "skipped": found.skipped,
            "pending": found.predictions_pending,
        }

    return router


def _ids(text: str) -> list[int]:
    parts = [part for part in text.split(",") if part]
    if len(parts) > MAX_CARDS or not all(part.isdecimal() and len(part) < 16 for part in parts):
        raise InvalidEditError(
            f"Cards are asked for by at most {MAX_CARDS} image ids, as in 1,2,3; found {text!r:.60}."
        )
    return [int(part) for part in parts]


def _cards(tx: Transaction, image_ids: list[int]) -> list[dict[str, Any]]:
    boxes = annotations.for_images(tx, image_ids)
    waiting = num_shown(tx, image_ids)
    comments = notes.find_many(tx, image_ids)
    return [
        {
            **_card(image, num_boxes=len(boxes[image.id]), num_pending=waiting[image.id]),
            "comment": comments.get(image.id, ""),
        }
        for image in images.get_many(tx, image_ids)
    ]


def _card(image: Image, *, num_boxes: int, num_pending: int) -> dict[str, Any]:
    return {
        "id": image.id,
        "relative_path": image.relative_path,
        "sha256": image.sha256,
        "num_boxes": num_boxes,
        "num_pending": num_pending,
        "is_reviewed": image.reviewed_at is not None,
        "is_skipped": image.skipped_at is not None,
        "is_flagged": image.flagged,
    }
