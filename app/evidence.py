"""What is known of a bundle: measured by jobs on labelled images, and by people who finished what it proposed."""

from __future__ import annotations

from app.measuring import HeldOut, Measured, measure
from storage import categories, measurements
from storage.database import Transaction

_NEWEST = 200  # finished images that are compared anew each time


def evidence(tx: Transaction, bundle_id: int) -> HeldOut:
    """Proposals with their truth on images that the bundle has not learnt from.

    A person who reviews proposals is led by them (a box that is nearly right stays), so evidence of
    reviewed images is a little too kind; a blind audit says by how much. That of images which judged
    the Tune is a little too harsh: since they have judged, they have taught it more.
    """
    stored = HeldOut(
        tuple(Measured(*row) for row in measurements.proposals(tx, bundle_id)),
        measurements.num_true(tx, bundle_id),
    )
    return stored + _of_reviewed(tx, bundle_id)


def keep(tx: Transaction, bundle_id: int, found: HeldOut) -> None:
    """Store what a job has measured, image by image, in place of what it had measured before."""
    truth: dict[int, dict[int, int]] = {}
    for (image_id, category_id), number in found.num_true.items():
        truth.setdefault(image_id, {})[category_id] = number
    proposals: dict[int, list[measurements.MeasuredProposal]] = {}
    for item in found.proposals:
        row = measurements.MeasuredProposal(*item)
        proposals.setdefault(item.image_id, []).append(row)
    for image_id, num_true in truth.items():
        measurements.replace_for_image(
            tx,
            bundle_id=bundle_id,
            image_id=image_id,
            proposals=proposals.get(image_id, []),
            num_true=num_true,
        )


def _of_reviewed(tx: Transaction, bundle_id: int) -> HeldOut:
    classes = [category.id for category in categories.list_all(tx)]
    parts = [
        measure(image.image_id, image.proposals, image.truth, category_ids=classes)
        for image in measurements.reviewed_since_run(tx, bundle_id, limit=_NEWEST)
    ]
    return HeldOut(
        tuple(item for part in parts for item in part.proposals),
        {key: number for part in parts for key, number in part.num_true.items()},
    )
