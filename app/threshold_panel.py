"""What the sliders of thresholds show: for each class and hundredth, how many proposals and what to expect of them.

One more slider is for the surest proposal of each image, of whatever class.
"""

from __future__ import annotations

from typing import Any

from app.evidence import evidence
from app.intervals import Interval
from app.measuring import HeldOut
from app.showing import default_thresholds, showing
from app.thresholding import Expectation, expectations
from app.workspace import Workspace
from storage import bundles, categories, review_settings, shown

_HUNDREDTHS = [n / 100 for n in range(101)]


def threshold_document(workspace: Workspace) -> dict[str, Any]:
    """What is shown now of each class, and what every other threshold would show.

    `at_least`: pending proposals from each hundredth up, duplicates included; `precision` and
    `recall`: [value, low, high] or None at each hundredth.
    """
    document = shown_document(workspace)
    if document["bundle"] is None:
        return document
    bundle_id = document["bundle"]["id"]
    with workspace.database.read() as tx:
        known = evidence(tx, bundle_id)
        by_score = shown.score_counts(tx, bundle_id)
        surest = shown.surest_counts(tx, bundle_id)
    return {
        **document,
        "surest": {
            **document["surest"],
            **_curves(known.surest()),
            "at_least": _at_least(surest),
        },
        "num_images": len({image_id for image_id, _ in known.num_true}),
        "num_boxes": sum(known.num_true.values()),
        "classes": [
            {
                **item,
                **_curves(known.of_class(item["id"])),
                "at_least": _at_least(by_score.get(item["id"], {})),
            }
            for item in document["classes"]
        ],
    }


def shown_document(workspace: Workspace) -> dict[str, Any]:
    """The part of it that a new threshold changes."""
    with workspace.database.read() as tx:
        what = showing(tx)
        classes = categories.list_all(tx)
        if what is None:
            return {"bundle": None, "classes": [], "surest": None}
        bundle = bundles.get(tx, what.bundle_id)
        own = review_settings.thresholds(tx, what.bundle_id)
        keeps_to_what_pays = review_settings.get(tx).keeps_to_what_pays
        now = shown.counts(tx, what)
        num_guesses = shown.num_guesses(tx, what)
    defaults = default_thresholds(bundle)
    return {
        "bundle": {"id": bundle.id, "name": bundle.name},
        "keeps_to_what_pays": keeps_to_what_pays,
        "num_shown": sum(count.num_proposals for count in now.values()),
        "surest": {
            "threshold": what.surest_from,
            "num_shown": num_guesses,
            "num_images": num_guesses,
        },
        "classes": [
            {
                "id": category.id,
                "name": category.name,
                "color": category.color,
                "threshold": what.threshold(category.id),
                "default": defaults.get(category.id, what.otherwise),
                "is_measured": category.id in defaults,
                "is_own": category.id in own,
                "num_shown": now[category.id].num_proposals if category.id in now else 0,
                "num_images": now[category.id].num_images if category.id in now else 0,
            }
            for category in classes
        ],
    }


def _curves(known: HeldOut) -> dict[str, Any]:
    curve = expectations(known, _HUNDREDTHS)
    return {
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
