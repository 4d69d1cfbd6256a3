"""Is the blind audit honest? The true error of a finished set, and what many audits of other samples say of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from app import audit
from app.auditing import AuditedImage, ErrorKind, compare, draw_sample, estimate, settle
from app.bench.effort.desk import AUTHOR, Desk
from app.bench.effort.person import Person
from app.intervals import Interval
from storage import annotations
from storage.types import Box

NUM_AUDITS = 400
NUM_SAMPLED = 25
_LARGEST_SHARE = 3  # a sample is at most a third of the images: else hardly any are left to judge
_AUDITOR = 10_000  # added to seeds: somebody else than who labelled

Boxes = Sequence[tuple[Box, int]]


@dataclass(frozen=True, slots=True)
class Audited:
    """Objects without a right label, as a share of all objects: the truth, and what audits say.

    `value`, `low` and `high` are those of the first audit. `coverage` is the share of `num_audits` audits whose
    95 % interval holds `true`. `surplus` is the true share of labels without an object.
    """

    true: float
    surplus: float
    value: float | None
    low: float | None
    high: float | None
    num_sampled: int
    coverage: float
    num_audits: int


def check_audits(
    desk: Desk, *, auditor: Person | None = None, num_audits: int = NUM_AUDITS
) -> Audited:
    """Audit the finished images again and again, each time another sample by another person.

    That person overlooks as many objects as the annotator does and draws as exactly, if no other `auditor` is
    given. The first audit goes through the app; the others are the same functions on the same labels.
    """
    auditor = auditor or desk.person
    with desk.workspace.database.read() as tx:
        stored = annotations.for_images(tx, list(desk.truth))
    labels = {i: [(a.box, a.category_id) for a in boxes] for i, boxes in stored.items()}
    compared = {i: compare(i, labels[i], _true(desk, i)) for i in desk.truth}
    wrong = {
        i: {d.label for d in image.differences if d.label is not None}
        for i, image in compared.items()
    }
    whole = estimate(list(compared.values()), num_done=len(compared))
    right = whole.any_error.value if whole.any_error is not None else 0.0
    number = min(NUM_SAMPLED, max(1, len(desk.truth) // _LARGEST_SHARE))
    first = _audit_in_app(desk, replace(auditor, seed=_AUDITOR), wrong, number)
    found = [first]
    for seed in range(1, num_audits):
        other = replace(auditor, seed=_AUDITOR + seed)
        judged = [
            _settled(compare(i, labels[i], _blind(desk, other, i)), wrong[i])
            for i in draw_sample(desk.truth, number, seed=seed)
        ]
        found.append(estimate(judged, num_done=len(desk.truth)).any_error)
    known = [interval for interval in found if interval is not None]
    return Audited(
        true=right,
        surplus=whole.surplus.value if whole.surplus is not None else 0.0,
        value=first.value if first is not None else None,
        low=first.low if first is not None else None,
        high=first.high if first is not None else None,
        num_sampled=number,
        coverage=sum(i.low <= right <= i.high for i in known) / max(1, len(known)),
        num_audits=len(known),
    )


def _audit_in_app(
    desk: Desk, auditor: Person, wrong: Mapping[int, Collection[int]], number: int
) -> Interval | None:
    """Start an audit, draw each image of the sample blind, and say of each difference who is right."""
    begun = audit.start(desk.workspace, num_images=number, seed=0, author=AUTHOR, at=desk.now)
    for entry in begun.images:
        i = entry.image_id
        blind = _blind(desk, auditor, i)
        audited = audit.submit(desk.workspace, begun.id, i, blind, at=desk.now)
        right = _label_is_right(audited, wrong[i])
        audit.settle_image(desk.workspace, begun.id, i, right, at=desk.now)
    finished = audit.newest(desk.workspace)
    assert finished is not None, "begun above"
    return audit.result(finished).any_error


def _true(desk: Desk, image_id: int) -> Boxes:
    return [(o.box, desk.class_ids[o.label]) for o in desk.truth[image_id].objects]


def _blind(desk: Desk, auditor: Person, image_id: int) -> Boxes:
    """What somebody draws who sees neither labels nor proposals."""
    image = desk.truth[image_id]
    return [
        (auditor.draw(image, index), desk.class_ids[true.label])
        for index, true in enumerate(image.objects)
        if not auditor.is_overlooked(image, index)
    ]


def _settled(audited: AuditedImage, wrong: Collection[int]) -> AuditedImage:
    return settle(audited, _label_is_right(audited, wrong))


def _label_is_right(audited: AuditedImage, wrong: Collection[int]) -> list[int]:
    """The differences in which the person, who sees both sides now, finds the label right."""
    return [
        index
        for index, difference in enumerate(audited.differences)
        if difference.kind is not ErrorKind.MISSED and difference.label not in wrong
    ]
