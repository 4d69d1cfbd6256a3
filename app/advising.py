"""The effort meter's view of a project: what it costs now, what tunings have brought, and what to do next."""

from collections import Counter
from dataclasses import dataclass, replace

from app.advice import Advice, Situation, Step, Tuning, advise
from app.effort import Meter, measured_costs, meter
from app.evidence import evidence
from app.intervals import Interval, share
from app.learnt import labels_of
from app.measuring import FOUND_IOU, HeldOut
from app.pointing.trials import PointingTrial, pointing_trial
from app.queueing import Costs, calibrate, seconds_per_object, seconds_waiting
from app.review_queue import waiting
from app.showing import showing
from app.snapshot import collect_labelled
from app.workspace import Workspace
from sdpt_engine import fewest_to_hold_out
from storage import (
    annotations,
    audits,
    bundles,
    categories,
    counts,
    images,
    predictions,
    projects,
)
from storage.database import Transaction
from storage.shown import Showing
from storage.types import Bundle, BundleKind, ImageFilter


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """A bundle on the learning curve; zero-shot has learnt from nothing.

    `found`: share of held-out objects that its proposals find at its thresholds.
    `seconds_per_object`: what one costs a person with them.
    """

    bundle_id: int
    name: str
    num_images: int
    num_boxes: int
    ap50: float | None
    found: Interval | None
    seconds_per_object: float | None
    is_adopted: bool


@dataclass(frozen=True, slots=True)
class EffortReport:
    """What the meter shows."""

    meter: Meter
    costs: Costs
    help_s: float | None
    curve: tuple[LearningPoint, ...]
    situation: Situation
    advice: Advice
    pointing: PointingTrial


def effort_report(workspace: Workspace) -> EffortReport:
    """All of it of one moment."""
    with workspace.database.read() as tx:
        costs, pointing = measured_costs(tx), pointing_trial(tx)
        cheapest = pointing.cheapest(costs)
        curve = tuple(
            _point(workspace, tx, bundle, cheapest)
            for bundle in bundles.list_all(tx)
            if bundle.kind is not BundleKind.IMPORTED
        )
        shown = _help(tx, cheapest)
        measured = meter(tx)
        situation = _situation(tx, curve, shown=shown, costs=cheapest)
    advice = advise(situation)
    if advice.step in (Step.LABEL, Step.REVIEW, Step.BY_HAND) and pointing.pays(costs):
        advice = replace(advice, reason=f"{advice.reason} {_point_at_the_rest(pointing, costs)}")
    return EffortReport(
        measured, costs, shown.seconds_per_object, curve, situation, advice, pointing
    )


def _point_at_the_rest(trial: PointingTrial, costs: Costs) -> str:
    if not trial.num_objects:
        return "Point (P) before you draw: a click finds the box of every other object or so."
    again = trial.num_right_again
    more = f", {again} more by its next guess (Q)" if again else ""
    return (
        f"Point (P) instead of drawing: of {trial.num_objects} objects {trial.num_right} would have had "
        f"their box by a click{more}: {trial.seconds_per_object(costs):.1f} s each, {costs.draw_s:.1f} s drawn."
    )


@dataclass(frozen=True, slots=True)
class _Help:
    """What the proposals that are shown do: seconds per object with them, and what those that wait should save."""

    seconds_per_object: float | None = None
    saved_s: float | None = None


def _help(tx: Transaction, costs: Costs) -> _Help:
    what = showing(tx)
    if what is None:
        return _Help()
    known = evidence(tx, what.bundle_id)
    return _Help(
        seconds_per_object(known, what.thresholds, costs, surest_from=what.surest_from),
        seconds_waiting(waiting(tx, what), calibration=calibrate(known), costs=costs),
    )


def _point(workspace: Workspace, tx: Transaction, bundle: Bundle, costs: Costs) -> LearningPoint:
    held_out = evidence(tx, bundle.id)
    what = showing(tx, bundle.id)
    assert what is not None, "a bundle was named"
    labels = labels_of(workspace, bundle)
    learnt = () if labels is None else labels.labelled
    figures = bundle.metrics.get("tuned") or {}
    return LearningPoint(
        bundle_id=bundle.id,
        name=bundle.name,
        num_images=len(learnt),
        num_boxes=sum(len(item.boxes) for item in learnt),
        ap50=figures.get("ap50"),
        found=_found(held_out, what),
        seconds_per_object=seconds_per_object(
            held_out, what.thresholds, costs, surest_from=what.surest_from
        ),
        is_adopted=bundle.adopted_at is not None,
    )


def _found(held_out: HeldOut, what: Showing) -> Interval | None:
    hits: Counter[int] = Counter()
    for item in held_out.shown(what.thresholds, what.surest_from):
        hits[item.image_id] += item.iou >= FOUND_IOU
    true: Counter[int] = Counter()
    for (image_id, _), number in held_out.num_true.items():
        true[image_id] += number
    return share([(hits[image_id], number) for image_id, number in true.items()])


def _situation(
    tx: Transaction,
    curve: tuple[LearningPoint, ...],
    *,
    shown: _Help,
    costs: Costs,
) -> Situation:
    labelled = collect_labelled(tx)
    numbers = counts.counts(tx)
    left = images.count(tx, ImageFilter.UNREVIEWED)
    per_class: Counter[int] = Counter(c for item in labelled for c in set(item.category_ids))
    known = [category.id for category in categories.list_all(tx)]
    num_boxes = sum(annotations.counts_by_category(tx).values())
    done = [item for item in labelled if item.is_exhaustive] or labelled
    audit = audits.newest(tx)
    return Situation(
        num_images_left=left,
        num_images_done=numbers.reviewed,
        objects_per_image=sum(len(item.boxes) for item in done) / max(1, len(done)),
        num_labelled_images=len(labelled),
        num_labelled_boxes=num_boxes,
        least_images_per_class=min((per_class[c] for c in known), default=0),
        by_hand_s=costs.draw_s,
        floor_s=min(costs.accept_s, costs.draw_s),
        help_s=shown.seconds_per_object,
        saved_s=shown.saved_s,
        tunings=tuple(
            Tuning(p.num_images, p.num_boxes, p.seconds_per_object, p.is_adopted)
            for p in curve
            if p.num_images
        ),
        has_classes=bool(known),
        has_fresh_proposals=_is_fresh(tx),
        is_audited=audit is not None and audit.finished_at is not None,
        first_images=fewest_to_hold_out(projects.get(tx).backbone or ""),
    )


def _is_fresh(tx: Transaction) -> bool:
    """Whether what is shown comes from the bundle in use (any, while none is)."""
    what = showing(tx)
    if what is None:
        return False
    adopted = bundles.adopted(tx)
    is_newest = adopted is None or adopted.id == what.bundle_id
    return is_newest and predictions.counts(tx, what.bundle_id).num_images > 0
