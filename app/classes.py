"""The classes of a workspace, as a person changes them. No operation loses a box."""

from datetime import UTC, datetime

from app.settings import default_author
from app.workspace import Workspace
from storage import annotations, categories
from storage.types import Category


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


def rename_class(workspace: Workspace, old: str, new: str) -> Category:
    """Change the name only: id, boxes and prompt text stay."""
    with workspace.database.write() as tx:
        return categories.rename(tx, old, new)


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
        return categories.merge(
            tx, source, into, author=author or default_author(), at=at or datetime.now(UTC)
        )


def set_prompt_text(workspace: Workspace, category_id: int, prompt_text: str) -> Category:
    """Change what the model reads for the class."""
    with workspace.database.write() as tx:
        return categories.set_prompt_text(tx, category_id, prompt_text)


def set_color(workspace: Workspace, category_id: int, color: str) -> Category:
    with workspace.database.write() as tx:
        return categories.set_color(tx, category_id, color)


def remove_class(workspace: Workspace, category_id: int) -> None:
    """Remove a class that no box uses. Raises CategoryInUseError else."""
    with workspace.database.write() as tx:
        categories.remove(tx, category_id)
