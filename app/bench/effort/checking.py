"""Is the blind audit honest? The true error of a finished set, and what many audits of other samples say of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from app.auditing import AuditedImage, ErrorKind, compare, draw_sample, estimate, settle
from app.bench.effort.person import Person
from app.bench.effort.truth import TrueImage
from app.intervals import Interval
from app.workspace import Workspace
from storage import annotations
from storage.types import Box

NUM_AUDITS = 400
NUM_SAMPLED = 25
_LARGEST_SHARE = (
    3  # a sample is at most a third of the images, else there is nothing left to estimate
)
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
    value: float
    low: float
    high: float
    num_sampled: int
    coverage: float
    num_audits: int


def check_audits(
    workspace: Workspace,
    truth: Mapping[int, TrueImage],
    *,
    class_ids: Sequence[int],
    person: Person,
    num_audits: int = NUM_AUDITS,
) -> Audited:
    """Audit the finished images of `truth` again and again, each time another sample by another person.

    That person overlooks as many objects as the annotator does, and draws as exactly.
    """
    with workspace.database.read() as tx:
        stored = annotations.for_images(tx, list(truth))
    labels = {i: [(a.box, a.category_id) for a in boxes] for i, boxes in stored.items()}
    true = {i: [(o.box, class_ids[o.label]) for o in image.objects] for i, image in truth.items()}
    whole = estimate([compare(i, labels[i], true[i]) for i in truth], num_done=len(truth))
    wrong = {
        i: {d.label for d in compare(i, labels[i], true[i]).differences if d.label is not None}
        for i in truth
    }
    number = min(NUM_SAMPLED, max(1, len(truth) // _LARGEST_SHARE))
    found: list[Interval] = []
    for seed in range(num_audits):
        auditor = replace(person, seed=_AUDITOR + seed)
        sample = draw_sample(truth, number, seed=seed)
        judged = [
            _settled(compare(i, labels[i], _blind(auditor, truth[i], class_ids)), wrong[i])
            for i in sample
        ]
        share = estimate(judged, num_done=len(truth)).any_error
        if share is not None:
            found.append(share)
    right = 0.0 if whole.any_error is None else whole.any_error.value
    first = found[0] if found else Interval(0.0, 0.0, 1.0, 0, 0)
    return Audited(
        true=right,
        surplus=0.0 if whole.surplus is None else whole.surplus.value,
        value=first.value,
        low=first.low,
        high=first.high,
        num_sampled=number,
        coverage=sum(i.low <= right <= i.high for i in found) / max(1, len(found)),
        num_audits=len(found),
    )


def _blind(auditor: Person, image: TrueImage, class_ids: Sequence[int]) -> Boxes:
    """What somebody draws who sees neither labels nor proposals."""
    return [
        (auditor.draw(image, index), class_ids[true.label])
        for index, true in enumerate(image.objects)
        if not auditor.is_overlooked(image, index)
    ]


def _settled(audited: AuditedImage, wrong: Collection[int]) -> AuditedImage:
    """The comparison after the person has seen both sides of each difference; `wrong` labels are truly so."""
    right = [
        index
        for index, difference in enumerate(audited.differences)
        if difference.kind is not ErrorKind.MISSED and difference.label not in wrong
    ]
    return settle(audited, right)
