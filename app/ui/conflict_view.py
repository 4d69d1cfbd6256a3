"""A box that was changed in two places, shown: both versions on the image, and in words beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from storage import annotations, categories, conflicts, images
from storage.database import Transaction
from storage.types import Box, Conflict

_HERE_COLOR, _THERE_COLOR = "#2563eb", "#d55e00"  # told apart by colour-blind eyes, and by dashes
_ASPECT = 4 / 3
_LEAST_MARGIN_PX = 40.0
_MARGIN = 0.4  # of the longer side of what is shown
_WIDTH_PX = 290


@dataclass(frozen=True, slots=True)
class Version:
    """One side's box, or None where it was deleted there; `class_name` is for a person."""

    box: Box | None
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One open conflict; `place` counts from 1 among `total`."""

    conflict_id: int
    place: int
    total: int
    image_id: int
    path: str
    size_wh: tuple[int, int]
    here: Version
    there: Version

    @property
    def has_both(self) -> bool:
        return self.here.box is not None and self.there.box is not None


def shown_conflict(tx: Transaction, wanted: int | None) -> Shown | None:
    """The wanted one if it is open still, else the oldest; None when there is nothing to decide."""
    found = conflicts.list_open(tx)
    if not found:
        return None
    places = {conflict.id: place for place, conflict in enumerate(found)}
    place = places.get(wanted or 0, 0)
    return _shown(tx, found[place], place + 1, len(found))


def after(tx: Transaction, conflict_id: int) -> int | None:
    """The next open one, the first again after the last."""
    ids = [conflict.id for conflict in conflicts.list_open(tx)]
    return next((key for key in ids if key > conflict_id), ids[0] if ids else None)


def _shown(tx: Transaction, conflict: Conflict, place: int, total: int) -> Shown:
    image = images.get(tx, conflict.image_id)
    names = {c.id: c.name for c in categories.list_all(tx)}
    ours = annotations.find(tx, conflict.annotation_uid)
    here = there = Version(None)
    if ours is not None:
        here = Version(ours.box, names[ours.category_id])
    if conflict.theirs is not None:
        x1, y1, x2, y2 = conflict.theirs["box"]
        name = names.get(conflict.theirs["category_id"], "a class that is gone")
        there = Version((x1, y1, x2, y2), name)
    return Shown(
        conflict.id, place, total, image.id, image.relative_path, image.size_wh, here, there
    )


def conflict_card(shown: Shown | None) -> str:
    """The picture and the words; nothing when nothing waits."""
    if shown is None:
        return ""
    number = "A box was" if shown.total == 1 else f"{shown.total} boxes were"
    counted = "" if shown.total == 1 else f"{shown.place} of {shown.total} · "
    rows = [
        _row("sdpt-app", _HERE_COLOR, "", shown.here),
        _row("FiftyOne", _THERE_COLOR, "5 4", shown.there),
    ]
    return (
        f'<div class="sdpt-job"><b>{number} changed both here and in FiftyOne.</b>'
        "<div>Which version is right? The other one stays in the history.</div>"
        '<div style="display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start">'
        f"{_picture(shown)}"
        f'<div style="flex:1 1 180px"><div style="overflow-wrap:anywhere">{counted}'
        f"{escape(shown.path)}</div>"
        f"{''.join(rows)}</div></div></div>"
    )


def _row(side: str, color: str, dashes: str, version: Version) -> str:
    sample = (
        '<svg width="28" height="18" style="display:inline;vertical-align:-4px" aria-hidden="true"><rect x="2" '
        f'y="2" width="24" height="14" fill="none" stroke="{color}" stroke-width="2.5" '
        f'stroke-dasharray="{dashes}"/></svg>'
    )
    said = "deleted" if version.box is None else _words(version.box, version.class_name)
    return f'<div style="margin-top:8px">{sample} <b>{side}</b><br>{said}</div>'


def _words(box: Box, class_name: str) -> str:
    x1, y1, x2, y2 = box
    size = f"{x2 - x1:.0f} × {y2 - y1:.0f} px, at {x1:.0f}, {y1:.0f}"
    return f"{escape(class_name)}<br>{size}"


def _picture(shown: Shown) -> str:
    boxes = [version.box for version in (shown.here, shown.there) if version.box is not None]
    x, y, width, height = _window(boxes, shown.size_wh)
    drawn = [
        _rectangle(version.box, color, dashes)
        for version, color, dashes in (
            (shown.here, _HERE_COLOR, ""),
            (shown.there, _THERE_COLOR, "7 5"),
        )
        if version.box is not None
    ]
    return (
        f'<svg viewBox="{x:.1f} {y:.1f} {width:.1f} {height:.1f}" role="img" '
        f'aria-label="Both versions of the box on {escape(shown.path)}" '
        f'style="flex:0 1 {_WIDTH_PX}px;width:{_WIDTH_PX}px;max-width:100%;border-radius:4px">'
        f'<image href="/sdpt/images/{shown.image_id}" width="{shown.size_wh[0]}" '
        f'height="{shown.size_wh[1]}"/>{"".join(drawn)}</svg>'
    )


def _rectangle(box: Box, color: str, dashes: str) -> str:
    """On a white line, so that it is seen on any image."""
    x1, y1, x2, y2 = box
    place = f'x="{x1}" y="{y1}" width="{x2 - x1}" height="{y2 - y1}" fill="none"'
    line = 'vector-effect="non-scaling-stroke"'
    return (
        f'<rect {place} {line} stroke="white" stroke-width="5" stroke-opacity="0.7"/>'
        f'<rect {place} {line} stroke="{color}" stroke-width="2.5" stroke-dasharray="{dashes}"/>'
    )


def _window(boxes: Sequence[Box], size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """x, y, width and height of the part of the image to show: the boxes and what is around them."""
    if not boxes:
        return (0.0, 0.0, float(size_wh[0]), float(size_wh[1]))
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[2] for b in boxes), max(b[3] for b in boxes)
    margin = max(_MARGIN * max(right - left, bottom - top), _LEAST_MARGIN_PX)
    height = max(bottom - top + 2 * margin, (right - left + 2 * margin) / _ASPECT)
    width = min(height * _ASPECT, float(size_wh[0]))
    height = min(height, float(size_wh[1]))
    x = min(max((left + right - width) / 2, 0.0), size_wh[0] - width)
    y = min(max((top + bottom - height) / 2, 0.0), size_wh[1] - height)
    return (x, y, width, height)
