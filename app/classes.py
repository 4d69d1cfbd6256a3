"""The classes of a workspace, as a person changes them. No operation loses a box, each can be undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from app.settings import default_author
from app.workspace import Workspace
from storage import annotations, categories, changes, class_work, images
from storage.database import Transaction
from storage.history_types import ChangeKind, ClassUse
from storage.types import Annotation, Category, Image


@dataclass(frozen=True, slots=True)
class ClassDeed:
    """What was done: `change_id` undoes it; None when it was so already."""

    text: str
    change_id: int | None


@dataclass(frozen=True, slots=True)
class Who:
    """Whom the history names for a deed, and when."""

    author: str
    at: datetime

    @classmethod
    def now(cls, author: str | None = None) -> Self:
        return cls(author or default_author(), datetime.now(UTC))


def list_classes(workspace: Workspace) -> list[tuple[Category, int]]:
    """Every class in its order, with the number of boxes that people made of it."""
    with workspace.database.read() as tx:
        num_boxes = annotations.counts_by_category(tx)
        return [(c, num_boxes.get(c.id, 0)) for c in categories.list_all(tx)]


def add_class(
    workspace: Workspace, name: str, prompt_text: str | None = None, color: str | None = None
) -> Category:
    """The prompt text is the name when none is given."""
    with workspace.database.write() as tx:
        return categories.add(tx, name, prompt_text=prompt_text, color=color)


def find_class(workspace: Workspace, name: str) -> Category:
    """Raises NotFoundError that lists the classes there are."""
    with workspace.database.read() as tx:
        return categories.named(tx, name)


def rename_class(workspace: Workspace, old: str, new: str) -> Category:
    """Change the name only: id, boxes and prompt text stay."""
    found = find_class(workspace, old)
    change_class(workspace, found.id, name=new, who=Who.now())
    with workspace.database.read() as tx:
        return categories.get(tx, found.id)


def change_class(
    workspace: Workspace,
    category_id: int,
    *,
    name: str | None = None,
    prompt_text: str | None = None,
    color: str | None = None,
    who: Who,
) -> ClassDeed:
    """Change what is given. Id and boxes stay."""
    with workspace.database.write() as tx:
        old = categories.get(tx, category_id)
        with changes.recorded(tx, ChangeKind.CLASS, "", author=who.author, at=who.at) as deed:
            if name is not None and name != old.name:
                categories.rename(tx, old.name, name)
            if prompt_text is not None:
                categories.set_prompt_text(tx, category_id, prompt_text)
            if color is not None:
                categories.set_color(tx, category_id, color)
            deed.text = _told(old, categories.get(tx, category_id))
        return ClassDeed(deed.text, deed.id if deed.is_kept else None)


def reorder_classes(workspace: Workspace, category_ids: Sequence[int], *, who: Who) -> ClassDeed:
    """Digits follow the order, exported ids do not."""
    with workspace.database.write() as tx:
        text = "Put the classes in another order"
        with changes.recorded(tx, ChangeKind.CLASS, text, author=who.author, at=who.at) as deed:
            categories.reorder(tx, category_ids)
        return ClassDeed(text, deed.id if deed.is_kept else None)


def merge_classes(
    workspace: Workspace,
    source: str,
    into: str,
    *,
    author: str | None = None,
    at: datetime | None = None,
) -> Category:
    """Give the boxes and proposals of `source` to `into`, and remove `source`."""
    with workspace.database.write() as tx:
        return class_work.merge(
            tx, source, into, author=author or default_author(), at=at or datetime.now(UTC)
        )


def merge_by_id(workspace: Workspace, source_id: int, into_id: int, *, who: Who) -> ClassDeed:
    with workspace.database.write() as tx:
        source, into = categories.get(tx, source_id), categories.get(tx, into_id)
        class_work.merge(tx, source.name, into.name, author=who.author, at=who.at)
        return _last_deed(tx)


def split_class(
    workspace: Workspace, category_id: int, uids: Sequence[str], into: str, *, who: Who
) -> ClassDeed:
    """Give these boxes to another class, which is made if there is none of that name.

    Raises ConflictError, with nothing changed, if some are not of the class any more.
    """
    with workspace.database.write() as tx:
        class_work.split(tx, category_id, uids, into, author=who.author, at=who.at)
        return _last_deed(tx)


def remove_class(workspace: Workspace, category_id: int, *, who: Who) -> ClassDeed:
    """Remove a class with its boxes and proposals. Ask before: `class_use` says what it touches."""
    with workspace.database.write() as tx:
        class_work.remove(tx, category_id, author=who.author, at=who.at)
        return _last_deed(tx)


def class_use(workspace: Workspace, category_id: int) -> ClassUse:
    with workspace.database.read() as tx:
        return class_work.use_of(tx, category_id)


def boxes_of_class(
    workspace: Workspace, category_id: int, *, after_id: int = 0, limit: int = 60
) -> list[tuple[Annotation, Image]]:
    """A page of the boxes of a class with their images, in the order of their ids."""
    with workspace.database.read() as tx:
        boxes = annotations.of_category(tx, category_id, after_id=after_id, limit=limit)
        known = {image.id: image for image in images.get_many(tx, [b.image_id for b in boxes])}
        return [(box, known[box.image_id]) for box in boxes]


def _last_deed(tx: Transaction) -> ClassDeed:
    (last,) = changes.newest(tx, limit=1)
    return ClassDeed(last.text, last.id)


def _told(old: Category, new: Category) -> str:
    parts = []
    if new.name != old.name:
        parts.append(f"Renamed '{old.name}' to '{new.name}'")
    if new.prompt_text != old.prompt_text:
        parts.append(
            f"Changed the prompt text of '{new.name}' from '{old.prompt_text}' to '{new.prompt_text}'"
        )
    if new.color != old.color:
        parts.append(f"Recoloured '{new.name}'")
    return "; ".join(parts)
