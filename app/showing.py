"""Which proposals a person sees: the bundle under review, its thresholds (or the person's own), merged duplicates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal, TypeAlias

from app.errors import InvalidEditError, NotReadyError
from app.thresholding import UNMEASURED_THRESHOLD
from app.workspace import Workspace
from storage import annotations, bundles, categories, projects, review_settings, shown
from storage.boxes import SAME_OBJECT_IOU, intersection_over_union
from storage.database import Transaction
from storage.shown import Showing
from storage.types import Annotation, Bundle, BundleKind, StoredPrediction

Surest: TypeAlias = Literal["surest"]
SUREST: Final = "surest"
"""Stands beside the ids of classes for the surest proposal of each image, of whatever class."""


def showing(tx: Transaction, bundle_id: int | None = None) -> Showing | None:
    """What is shown now, or would be of another bundle; None as long as nothing was pre-labelled."""
    chosen = bundle_id if bundle_id is not None else projects.get(tx).prelabel_bundle_id
    if chosen is None:
        return None
    bundle = bundles.get(tx, chosen)
    return Showing(
        bundle_id=chosen,
        thresholds={**default_thresholds(bundle), **review_settings.thresholds(tx, chosen)},
        otherwise=_unmeasured(bundle),
        merges_duplicates=review_settings.get(tx).merges_duplicates,
        surest_from=review_settings.surest_threshold(tx, chosen),
    )


def default_thresholds(bundle: Bundle) -> dict[int, float]:
    """What was measured for the bundle, by class id."""
    return {int(key): float(score) for key, score in bundle.thresholds.items()}


def required_showing(tx: Transaction) -> Showing:
    found = showing(tx)
    if found is None:
        raise NotReadyError("There are no proposals to review yet. Run pre-labelling first.")
    return found


def shown_on(
    tx: Transaction, image_id: int, *, bundle_id: int | None = None
) -> list[StoredPrediction]:
    """The proposals on an image that wait and are shown, surest first."""
    what = showing(tx, bundle_id)
    if what is None:
        return []
    return not_boxed(shown.for_image(tx, image_id, what), annotations.for_image(tx, image_id))


def num_shown(tx: Transaction, image_ids: Sequence[int]) -> dict[int, int]:
    """How many proposals wait and are shown on each of these images."""
    what = showing(tx)
    if what is None:
        return dict.fromkeys(image_ids, 0)
    human = annotations.for_images(tx, image_ids)
    return {
        image_id: len(not_boxed(shown.for_image(tx, image_id, what), human[image_id]))
        for image_id in image_ids
    }


def not_boxed(
    proposals: Sequence[StoredPrediction], human: Sequence[Annotation]
) -> list[StoredPrediction]:
    """The proposals that do not repeat what a person already boxed."""
    return [p for p in proposals if not any(_is_same_object(p, box) for box in human)]


def set_thresholds(
    workspace: Workspace,
    scores: Mapping[int | Surest, float | None],
    at: datetime,
    *,
    are_what_pays: bool = False,
) -> None:
    """Show classes, and the surest proposal of each image, from these scores; None goes back to the bundle's own.

    Unless they `are_what_pays`, a person chose them, and they stay.
    """
    with workspace.database.write() as tx:
        bundle_id = required_showing(tx).bundle_id
        known = {category.id for category in categories.list_all(tx)}
        for key, score in scores.items():
            if key != SUREST and key not in known:
                raise InvalidEditError(f"There is no class {key}; load the page again.")
            if score is not None and not 0.0 <= score <= 1.0:
                raise InvalidEditError(f"A threshold lies between 0 and 1; found {score}.")
            _set_threshold(tx, bundle_id, key, score, at)
        setting = review_settings.get(tx)
        if setting.keeps_to_what_pays != are_what_pays:
            review_settings.put(tx, replace(setting, keeps_to_what_pays=are_what_pays))


def _set_threshold(
    tx: Transaction, bundle_id: int, key: int | Surest, score: float | None, at: datetime
) -> None:
    if key == SUREST:
        review_settings.set_surest_threshold(tx, bundle_id=bundle_id, score=score, at=at)
    elif score is None:
        review_settings.reset_threshold(tx, bundle_id=bundle_id, category_id=key)
    else:
        review_settings.set_threshold(tx, bundle_id=bundle_id, category_id=key, score=score, at=at)


def _unmeasured(bundle: Bundle) -> float:
    # What comes from a file was chosen by whoever wrote it.
    return 0.0 if bundle.kind is BundleKind.IMPORTED else UNMEASURED_THRESHOLD


def _is_same_object(proposal: StoredPrediction, annotation: Annotation) -> bool:
    if proposal.category_id != annotation.category_id:
        return False
    return intersection_over_union(proposal.box, annotation.box) >= SAME_OBJECT_IOU
