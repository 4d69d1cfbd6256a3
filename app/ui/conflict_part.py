"""The part of the FiftyOne tab that asks about boxes that were changed in two places, one after the other."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from app.settings import default_author
from app.ui.conflict_view import Shown, after, conflict_card, shown_conflict
from app.ui.messages import announce, telling
from app.workspace import Workspace
from storage import conflicts
from storage.types import ConflictChoice

_HERE, _THERE, _BOTH = ConflictChoice.HERE, ConflictChoice.THEIRS, ConflictChoice.BOTH


def conflict_part(workspace: Workspace, timer: gr.Timer) -> None:
    """Build it inside the current block; it shows itself while there is something to decide."""
    which: gr.State = gr.State(None)
    with gr.Column(visible=False, elem_id="fiftyone-conflicts") as part:
        card = gr.HTML("", elem_id="conflict-card")
        with gr.Row():
            buttons = {
                choice: gr.Button("", elem_id=f"conflict-{choice.value}", min_width=160)
                for choice in (_HERE, _THERE, _BOTH)
            }
            later = gr.Button(
                "Decide later", elem_id="conflict-later", min_width=120, scale=0, size="md"
            )
    shown = [which, card, part, *buttons.values(), later]

    def show(wanted: int | None) -> list[Any]:
        with workspace.database.read() as tx:
            return _updates(shown_conflict(tx, wanted))

    def look(wanted: int | None, old: str) -> list[Any]:
        """Nothing moves under the mouse while nothing has changed."""
        new = show(wanted)
        return [gr.skip() for _ in shown] if new[1] == old else new

    def on_later(wanted: int | None) -> list[Any]:
        with workspace.database.read() as tx:
            following = after(tx, wanted or 0)
        return show(following)

    timer.tick(look, [which, card], shown, show_progress="hidden", queue=False)
    later.click(on_later, which, shown, show_progress="hidden")
    for choice, button in buttons.items():
        button.click(
            telling(_settler(workspace, choice, show)), which, shown, show_progress="hidden"
        ).then(fn=None, js=announce("boxes"))


def _settler(
    workspace: Workspace, choice: ConflictChoice, show: Callable[[int | None], list[Any]]
) -> Callable[[int | None], list[Any]]:
    def on_settle(wanted: int | None) -> list[Any]:
        with workspace.database.write() as tx:
            following = after(tx, wanted or 0)
            conflicts.settle(tx, wanted or 0, choice, author=default_author(), at=datetime.now(UTC))
        return show(following)

    return on_settle


def _updates(shown: Shown | None) -> list[Any]:
    """For: the id, the card, the whole part, the three choices, 'later'."""
    if shown is None:
        return [None, "", gr.update(visible=False), *(gr.skip() for _ in range(4))]
    labels = (
        "Keep sdpt-app's" if shown.here.box else "Leave it deleted",
        "Take FiftyOne's" if shown.there.box else "Delete it here too",
    )
    return [
        shown.conflict_id,
        conflict_card(shown),
        gr.update(visible=True),
        *(gr.update(value=label) for label in labels),
        gr.update(value="Keep both", visible=shown.has_both),
        gr.update(visible=shown.total > 1),
    ]
