"""Going back: the project, an image, or a deed. Each is a new deed, so going back can be undone too.

Nothing is ever taken out of the history. Only what was touched since the point is looked at, so the
cost is that of what changed, not that of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from storage import box_moves, changed_rows, changes, class_states
from storage.changed_rows import Part
from storage.changes import Draft
from storage.database import Transaction
from storage.errors import ConflictError
from storage.history_types import ChangeKind, Point, RestoreReport
from storage.models import ChangeRow, UtcTime


def restore_project(
    tx: Transaction, point: Point, *, author: str, at: datetime, name: str
) -> RestoreReport:
    """Boxes and classes of that point, and proposals and verdicts as later deeds had found them.

    Classes that were added since stay, without boxes. `name` is how the history calls the point.
    """
    point = changes.checked_point(tx, point)
    text_ = f"Restored the project to {name}"
    with changes.recorded(tx, ChangeKind.RESTORE, text_, author=author, at=at) as draft:
        draft.details = {"point": str(point)}
        later = [row for row in changes.since(tx, point) if row.id != draft.id]
        unborn = class_states.put_all_back(tx, later)
        box_moves.begin(tx)
        box_moves.want_as_before(tx, after=point.event_id)
        box_moves.carry_out(tx, author=author, at=at)
        _judge_as_boxes_say(tx, draft)
        for row in later:
            changed_rows.put_back(tx, row.id, during=draft.id)
        class_states.remove_unused(tx, unborn)
        marks = take_done_marks(tx, draft, since=changes.time_of(tx, point))
    return _report(tx, draft, marks=marks)


def restore_image(
    tx: Transaction, image_id: int, point: Point, *, author: str, at: datetime, name: str
) -> RestoreReport:
    """The boxes of one image at that point. A box whose class is gone gets the class that this was merged
    into; a class that was removed comes back."""
    point = changes.checked_point(tx, point)
    with changes.recorded(tx, ChangeKind.RESTORE, name, author=author, at=at) as draft:
        draft.details = {"point": str(point), "image": image_id}
        box_moves.begin(tx)
        box_moves.want_as_before(tx, after=point.event_id, image_id=image_id)
        box_moves.carry_out(tx, author=author, at=at)
        _judge_as_boxes_say(tx, draft)
        marks = take_done_marks(tx, draft, since=changes.time_of(tx, point))
    return _report(tx, draft, marks=marks)


def undo(tx: Transaction, change_id: int, *, author: str, at: datetime) -> RestoreReport:
    """Take one deed back, and nothing else: what people did since stays.

    Raises NotFoundError, and ConflictError for a deed that was undone before.
    """
    change = changes.get(tx, change_id)
    if change.kind is ChangeKind.POINT:
        raise ConflictError(f"'{change.text}' is a named point; there is nothing to undo about it.")
    if not change.can_undo:
        raise ConflictError(
            f"'{change.text}' was undone before. Undo the undoing to have it again."
        )
    row = changes.row_of(tx, change_id)
    draft_text = f"Undid: {change.text}"
    with changes.recorded(
        tx, ChangeKind.UNDO, draft_text, author=author, at=at, undoes=change_id
    ) as draft:
        class_states.put_back(tx, row)
        box_moves.begin(tx)
        left = box_moves.want_as_before(tx, after=change.first_event_id, until=change.last_event_id)
        box_moves.carry_out(tx, author=author, at=at)
        _judge_as_boxes_say(tx, draft)
        # An import says that its images are complete; without its boxes they are not.
        marks = take_done_marks(tx, draft) if change.kind is ChangeKind.ADD else 0
        changed_rows.put_back(tx, change_id, during=draft.id)
        class_states.remove_unused(tx, class_states.made_by(row))
    return _report(tx, draft, left=left, marks=marks)


def take_done_marks(tx: Transaction, draft: Draft, *, since: datetime | None = None) -> int:
    """Images on which the deed added, removed or moved boxes are not known to be complete any more.

    Marks that were set up to `since` stay: the image was done with the very boxes that it has again.
    Returns how many images lost theirs.
    """
    values = {
        "first": draft.first_event_id,
        "since": ""
        if since is None
        else UtcTime().process_bind_param(since, tx.get_bind().dialect),
    }
    where = f"t.reviewed_at > :since AND t.id IN ({_TOUCHED})"
    changed_rows.remember(tx, draft.id, Part.DONE, where, **values)
    # Some may have got their mark from a deed that was put back just now: these go as well.
    done = text(f"UPDATE image AS t SET reviewed_at = NULL WHERE {where} RETURNING id")
    number = len(tx.execute(done, values).all())
    tx.expire_all()
    return number


_TOUCHED = (
    "SELECT image_id FROM annotation_event WHERE id > :first AND (action <> 'update' "
    "OR json_extract(\"before\", '$.box') <> json_extract(\"after\", '$.box'))"
)
_OF_ACTION = (
    "SELECT json_extract({side}, '$.prediction_id') FROM annotation_event "
    "WHERE id > :first AND action = '{action}'"
)


def _judge_as_boxes_say(tx: Transaction, draft: Draft) -> None:
    """A proposal whose box went waits again; one whose box came back is accepted or corrected again."""
    first = {"first": draft.first_event_id}
    gone = _OF_ACTION.format(side='"before"', action="delete")
    back = _OF_ACTION.format(side='"after"', action="restore")
    of_gone = f"t.id IN ({gone}) AND t.verdict IN ('accepted', 'corrected')"
    changed_rows.remember(tx, draft.id, Part.VERDICT, of_gone, **first)
    changed_rows.remember(tx, draft.id, Part.VERDICT, f"t.id IN ({back})", **first)
    waiting = f"UPDATE prediction AS t SET verdict = 'pending', judged_at = NULL WHERE {of_gone}"
    tx.execute(text(waiting), first)
    judged = (
        "UPDATE prediction AS t SET judged_at = a.created_at, verdict = "
        "CASE a.origin WHEN 'accepted' THEN 'accepted' ELSE 'corrected' END "
        f"FROM annotation a WHERE a.prediction_id = t.id AND t.id IN ({back})"
    )
    tx.execute(text(judged), first)
    tx.expire_all()


def _report(tx: Transaction, draft: Draft, *, left: int = 0, marks: int = 0) -> RestoreReport:
    if not draft.is_kept:
        return RestoreReport(None, left=left)
    row = changes.row_of(tx, draft.id)
    counted = tx.execute(
        text(
            "SELECT action, count(*), count(DISTINCT image_id) FROM annotation_event "
            "WHERE id > :first GROUP BY action"
        ),
        {"first": draft.first_event_id},
    ).all()
    numbers = {action: number for action, number, _ in counted}
    images = text("SELECT count(DISTINCT image_id) FROM annotation_event WHERE id > :first")
    return RestoreReport(
        change_id=draft.id,
        added=numbers.get("restore", 0),
        removed=numbers.get("delete", 0),
        changed=numbers.get("update", 0),
        left=left,
        num_images=int(tx.scalar(images, {"first": draft.first_event_id}) or 0),
        undone_marks=marks,
        classes=_class_names([row]),
    )


def _class_names(rows: Sequence[ChangeRow]) -> tuple[str, ...]:
    """The classes that came back or changed."""
    return tuple(state["name"] for row in rows for state in row.classes_after.values())
