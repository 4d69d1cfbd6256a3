"""Work on classes: name, prompt text, colour, order, merge, split, remove. Each answer says what undoes it."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app import classes, labelling
from app.box_crops import crop
from app.classes import ClassDeed, Who
from app.routes.identity import OwnPage
from app.routes.pictures import send_picture
from app.staleness import stale_sentences
from app.workspace import Workspace
from storage import annotations, images
from storage.errors import NotFoundError

MAX_SPLIT = 5_000


class ClassFields(BaseModel):
    """What is None stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str | None = Field(default=None, max_length=1_000)
    prompt_text: str | None = Field(default=None, max_length=1_000)
    color: str | None = Field(default=None, max_length=20)


class ClassOrder(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    ids: list[int] = Field(max_length=10_000)


class NewClass(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(max_length=1_000)
    prompt_text: str = Field(default="", max_length=1_000)


class ClassMerge(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    into_id: int


class ClassSplit(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    uids: list[str] = Field(max_length=MAX_SPLIT, min_length=1)
    into: str = Field(max_length=1_000)


def classes_router(workspace: Workspace, author: str) -> APIRouter:
    router = APIRouter(prefix="/sdpt/api/class-work")
    own_page = Depends(OwnPage(workspace))

    def done(deed: ClassDeed) -> dict[str, Any]:
        return {"text": deed.text, "change_id": deed.change_id, **_document(workspace)}

    @router.get("")
    def document() -> dict[str, Any]:
        return _document(workspace)

    @router.post("/add", dependencies=[own_page])
    def add(message: Annotated[NewClass, Body()]) -> dict[str, Any]:
        added = classes.add_class(workspace, message.name, message.prompt_text.strip() or None)
        return done(ClassDeed(f"Added '{added.name}'", change_id=None))

    @router.post("/order", dependencies=[own_page])
    def reorder(message: Annotated[ClassOrder, Body()]) -> dict[str, Any]:
        return done(classes.reorder_classes(workspace, message.ids, who=Who.now(author)))

    @router.post("/{category_id}", dependencies=[own_page])
    def change(category_id: int, message: Annotated[ClassFields, Body()]) -> dict[str, Any]:
        fields = message.model_dump()
        return done(classes.change_class(workspace, category_id, who=Who.now(author), **fields))

    @router.post("/{category_id}/merge", dependencies=[own_page])
    def merge(category_id: int, message: Annotated[ClassMerge, Body()]) -> dict[str, Any]:
        who = Who.now(author)
        return done(classes.merge_by_id(workspace, category_id, message.into_id, who=who))

    @router.get("/{category_id}/use")
    def use(category_id: int) -> dict[str, int]:
        """What removing the class would take away."""
        found = classes.class_use(workspace, category_id)
        return {
            "boxes": found.num_boxes,
            "images": found.num_images,
            "proposals": found.num_proposals,
        }

    @router.post("/{category_id}/remove", dependencies=[own_page])
    def remove(category_id: int) -> dict[str, Any]:
        return done(classes.remove_class(workspace, category_id, who=Who.now(author)))

    @router.post("/{category_id}/split", dependencies=[own_page])
    def split(category_id: int, message: Annotated[ClassSplit, Body()]) -> dict[str, Any]:
        """Give the chosen boxes to another class, all of them or none."""
        who = Who.now(author)
        return done(
            classes.split_class(workspace, category_id, message.uids, message.into, who=who)
        )

    @router.get("/{category_id}/boxes")
    def boxes(
        category_id: int,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 60,
    ) -> dict[str, Any]:
        """A page of the boxes of a class; `next` is the `after` of the next page, or None."""
        found = classes.boxes_of_class(workspace, category_id, after_id=after, limit=limit)
        rows = [
            {
                "uid": box.uid,
                "image_id": image.id,
                "relative_path": image.relative_path,
                "origin": box.origin.value,
                "crop": f"/sdpt/api/class-work/crops/{box.uid}?v={box.revision}",
            }
            for box, image in found
        ]
        return {"boxes": rows, "next": found[-1][0].id if len(found) == limit else None}

    @router.get("/crops/{uid}")
    def picture(uid: str, request: Request) -> Response:
        """The box cut out of its image; `v`, its revision, only makes the address new when the box has moved."""
        with workspace.database.read() as tx:
            box = annotations.find(tx, uid)
            if box is None:
                raise NotFoundError(f"There is no box {uid:.64}.")
            image = images.get(tx, box.image_id)
        return send_picture(lambda: crop(workspace, image, box.box), request)

    return router


def _document(workspace: Workspace) -> dict[str, Any]:
    known = classes.list_classes(workspace)
    rows = [{**labelling.category_json(c), "num_boxes": number} for c, number in known]
    return {"categories": rows, "stale": stale_sentences(workspace)}
