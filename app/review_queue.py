"""Which image comes next in review: what is shown in the database, in the order that a person chose."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.errors import InvalidEditError
from app.evidence import evidence
from app.pointing.trials import cheapest_costs
from app.queueing import Order, Proposal, Ranked, calibrate, order_images
from app.showing import required_showing, showing
from app.workspace import Workspace
from storage import categories, images, predictions, review_settings, shown
from storage.database import Transaction
from storage.errors import NotFoundError
from storage.review_settings import ReviewSetting
from storage.shown import Showing
from storage.types import Box, Category

DEFAULT_ORDER = Order.SECONDS_SAVED


def queue(workspace: Workspace) -> list[Ranked]:
    """Every image that waits, in the chosen order. Raises NotReadyError without any pre-labelling."""
    with workspace.database.read() as tx:
        what = required_showing(tx)
        setting = review_settings.get(tx)
        order = order_in_use(tx, setting)
        return order_images(
            waiting(tx, what),
            order,
            calibration=calibrate(evidence(tx, what.bundle_id)),
            costs=cheapest_costs(tx),
            category_id=setting.category_id,
            like=_like(tx, setting) if order is Order.LOOK_ALIKES else None,
            seed=setting.seed,
        )


def order_in_use(tx: Transaction, setting: ReviewSetting) -> Order:
    """The chosen order, or DEFAULT_ORDER as long as the class or the proposal that it needs is gone."""
    chosen = Order(setting.queue_order) if setting.queue_order else DEFAULT_ORDER
    if chosen is Order.ONE_CLASS and _class(tx, setting.category_id) is None:
        return DEFAULT_ORDER
    if chosen is Order.LOOK_ALIKES and _like(tx, setting) is None:
        return DEFAULT_ORDER
    return chosen


def only_class(tx: Transaction) -> Category | None:
    """The one class whose proposals wait, where that is the order in use."""
    setting = review_settings.get(tx)
    if order_in_use(tx, setting) is not Order.ONE_CLASS:
        return None
    return _class(tx, setting.category_id)


def choose_order(
    workspace: Workspace,
    order: Order,
    *,
    category_id: int | None = None,
    like_prediction_id: int | None = None,
    seed: int = 0,
) -> None:
    """Keep the order for every page that is opened.

    LOOK_ALIKES without a `like_prediction_id` follows the newest rejection. Raises InvalidEditError when the order
    lacks something, NotFoundError when there is no such proposal.
    """
    with workspace.database.write() as tx:
        if order is Order.ONE_CLASS and _class(tx, category_id) is None:
            raise InvalidEditError("One class at a time needs a class of the project; choose one.")
        if order is Order.LOOK_ALIKES and like_prediction_id is not None:
            predictions.get(tx, like_prediction_id)
        elif order is Order.LOOK_ALIKES and predictions.last_rejected(tx) is None:
            raise InvalidEditError("Nothing has been rejected yet that others could look like.")
        setting = replace(
            review_settings.get(tx),
            queue_order=order.value,
            category_id=category_id,
            like_prediction_id=like_prediction_id,
            seed=seed,
        )
        review_settings.put(tx, setting)


def set_merging(workspace: Workspace, *, merges_duplicates: bool) -> None:
    """Show duplicates as one, or all of them; nothing is lost either way."""
    with workspace.database.write() as tx:
        setting = review_settings.get(tx)
        review_settings.put(tx, replace(setting, merges_duplicates=merges_duplicates))


def waiting(tx: Transaction, what: Showing, *, category_id: int | None = None) -> list[Proposal]:
    """The shown proposals that do not repeat a human box; boxes in shares of their image."""
    return [
        Proposal(
            p.id,
            p.image_id,
            p.category_id,
            p.score,
            _shares(p.box, p.size_wh),
            is_surest=p.is_surest,
        )
        for p in shown.waiting(tx, what, category_id=category_id)
    ]


@dataclass(frozen=True, slots=True)
class NumWaiting:
    """What a person finds in Review: proposals, and the images that they are on."""

    num_proposals: int = 0
    num_images: int = 0


def num_waiting(tx: Transaction) -> NumWaiting:
    """Of what Review shows now; rows that thresholds or merging hide are not counted."""
    what = showing(tx)
    found = waiting(tx, what) if what is not None else []
    return NumWaiting(len(found), len({proposal.image_id for proposal in found}))


def _class(tx: Transaction, category_id: int | None) -> Category | None:
    return next((c for c in categories.list_all(tx) if c.id == category_id), None)


def _like(tx: Transaction, setting: ReviewSetting) -> Proposal | None:
    """The proposal to look for, None when it was removed with its class, or no rejection is left."""
    wanted = setting.like_prediction_id or predictions.last_rejected(tx)
    try:
        found = None if wanted is None else predictions.get(tx, wanted)
    except NotFoundError:
        found = None
    if found is None:
        return None
    size_wh = images.get(tx, found.image_id).size_wh
    box = _shares(found.box, size_wh)
    return Proposal(found.id, found.image_id, found.category_id, found.score, box)


def _shares(box: Box, size_wh: tuple[int, int]) -> Box:
    width, height = size_wh
    return (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
