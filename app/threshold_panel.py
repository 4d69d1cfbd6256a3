"""What the sliders of thresholds show: for each class and hundredth, how many proposals and what to expect of them."""

from __future__ import annotations

from typing import Any

from app.evidence import evidence
from app.intervals import Interval
from app.measuring import HeldOut
from app.showing import default_thresholds, showing
from app.thresholding import Expectation, expectations
from app.workspace import Workspace
from storage import bundles, categories, review_settings, shown
from storage.shown import Showing
from storage.types import Category

_HUNDREDTHS = [n / 100 for n in range(101)]


def threshold_document(workspace: Workspace) -> dict[str, Any]:
    """All classes with `at_least` (pending proposals from each hundredth up, duplicates included),
    `precision` and `recall` ([value, low, high] or None at each hundredth), and what is shown now.
    """
    with workspace.database.read() as tx:
        what = showing(tx)
        classes = categories.list_all(tx)
        if what is None:
            return {"bundle": None, "classes": [], "num_images": 0, "num_boxes": 0}
        bundle = bundles.get(tx, what.bundle_id)
        known = evidence(tx, what.bundle_id)
        own = review_settings.thresholds(tx, what.bundle_id)
        by_score = shown.score_counts(tx, what.bundle_id)
        now = shown.counts(tx, what)
    defaults = default_thresholds(bundle)
    return {
        "bundle": {"id": bundle.id, "name": bundle.name},
        "num_images": len({image_id for image_id, _ in known.num_true}),
        "num_boxes": sum(known.num_true.values()),
        "num_shown": sum(count.num_proposals for count in now.values()),
        "classes": [
            {
                **_class_json(category, what, known.of_class(category.id)),
                "default": defaults.get(category.id, what.otherwise),
                "is_measured": category.id in defaults,
                "is_own": category.id in own,
                "at_least": _at_least(by_score.get(category.id, {})),
                "num_shown": now[category.id].num_proposals if category.id in now else 0,
                "num_images": now[category.id].num_images if category.id in now else 0,
            }
            for category in classes
        ],
    }


def _class_json(category: Category, what: Showing, known: HeldOut) -> dict[str, Any]:
    curve = expectations(known, _HUNDREDTHS)
    return {
        "id": category.id,
        "name": category.name,
        "color": category.color,
        "threshold": what.thresholds.get(category.id, what.otherwise),
        "num_true": sum(known.num_true.values()),
        "precision": [_numbers(point, "precision") for point in curve],
        "recall": [_numbers(point, "recall") for point in curve],
    }


def _numbers(point: Expectation, name: str) -> list[float] | None:
    interval: Interval | None = getattr(point, name)
    if interval is None:
        return None
    return [round(value, 4) for value in (interval.value, interval.low, interval.high)]


def _at_least(by_score: dict[int, int]) -> list[int]:
    found, running = [0] * 101, 0
    for hundredth in range(100, -1, -1):
        running += by_score.get(hundredth, 0)
        found[hundredth] = running
    return found
