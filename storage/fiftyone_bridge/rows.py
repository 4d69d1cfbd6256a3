"""The project's rows as the bridge needs them: all facts of some images at once, and what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, case, func, select

from storage import bundles, categories, projects
from storage.database import Transaction
from storage.fiftyone_bridge.fields import bundle_fields
from storage.models import AnnotationRow, ConflictRow, ImageRow, PredictionRow
from storage.types import Bundle, Category, Verdict

_CHUNK = 500
_VERDICT_NUMBERS = {verdict.value: place for place, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What all samples have in common; when it changes, all of them are written again."""

    categories: tuple[Category, ...]
    bundles: tuple[Bundle, ...]  # those that have proposals
    fields: Mapping[int, str]  # by bundle id
    shown_bundle_id: int | None
    seconds_per_verdict: float

    @property
    def names(self) -> dict[int, str]:
        return {c.id: c.name for c in self.categories}

    @property
    def ids(self) -> dict[str, int]:
        return {c.name: c.id for c in self.categories}

    def threshold(self, bundle_id: int, category_id: int) -> float:
        """From which score on proposals are worth showing; 0 where nothing was measured."""
        (bundle,) = (b for b in self.bundles if b.id == bundle_id)
        return float(bundle.thresholds.get(str(category_id), 0.0))

    @property
    def key(self) -> str:
        """Two catalogues with the same key give the same documents."""
        parts = [f"{c.id}:{c.name}:{c.color}:{c.position}" for c in self.categories]
        parts += [f"{self.fields[b.id]}:{sorted(b.thresholds.items())}" for b in self.bundles]
        return "|".join([*parts, str(self.shown_bundle_id)])


@dataclass(slots=True)
class ImageFacts:
    """One image with everything that hangs on it."""

    image: Row[Any]
    boxes: list[Row[Any]] = field(default_factory=list)
    proposals: list[Row[Any]] = field(default_factory=list)
    conflicts: list[Row[Any]] = field(default_factory=list)

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.image.width, self.image.height


def catalogue(tx: Transaction, *, seconds_per_verdict: float) -> Catalogue:
    used = set(tx.scalars(select(PredictionRow.bundle_id).distinct()))
    everything = bundles.list_all(tx)
    names = bundle_fields(everything)
    shown = tuple(b for b in everything if b.id in used)
    return Catalogue(
        categories=tuple(categories.list_all(tx)),
        bundles=shown,
        fields={b.id: names[b.id] for b in shown},
        shown_bundle_id=projects.get(tx).prelabel_bundle_id,
        seconds_per_verdict=seconds_per_verdict,
    )


def facts(tx: Transaction, image_ids: Sequence[int]) -> list[ImageFacts]:
    """Everything about these images, in their order; ids that do not exist are left out."""
    found: dict[int, ImageFacts] = {}
    for start in range(0, len(image_ids), _CHUNK):
        chunk = image_ids[start : start + _CHUNK]
        for image in tx.execute(_columns(ImageRow).where(ImageRow.id.in_(chunk))):
            found[image.id] = ImageFacts(image)
        for row in tx.execute(_of_images(AnnotationRow, chunk)):
            found[row.image_id].boxes.append(row)
        for row in tx.execute(_of_images(PredictionRow, chunk)):
            found[row.image_id].proposals.append(row)
        waiting = _of_images(ConflictRow, chunk).where(ConflictRow.settled_at.is_(None))
        for row in tx.execute(waiting):
            found[row.image_id].conflicts.append(row)
    return [found[image_id] for image_id in image_ids if image_id in found]


def fingerprints(tx: Transaction, image_ids: Sequence[int] | None = None) -> dict[int, str]:
    """A short text for each image that changes whenever something of it does, in image order.

    Sums over ids and revisions, made by SQLite in one pass per table: no timestamp is compared, so
    neither a clock that was set back nor two changes in one moment can hide a change.
    """
    if image_ids is None:
        return _fingerprints(tx, None)
    found: dict[int, str] = {}
    for start in range(0, len(image_ids), _CHUNK):
        found |= _fingerprints(tx, image_ids[start : start + _CHUNK])
    return found


def _fingerprints(tx: Transaction, chunk: Sequence[int] | None) -> dict[int, str]:
    parts: dict[int, list[str]] = {}
    for image_id, *values in tx.execute(_only(_marks(), ImageRow.id, chunk)):
        parts[image_id] = [str(value) for value in values]
    for statement, column in _sums():
        for image_id, *numbers in tx.execute(_only(statement, column, chunk)):
            parts[image_id].append(",".join(str(number) for number in numbers))
    return {image_id: "|".join(texts) for image_id, texts in parts.items()}


def _only(statement: Any, column: Any, chunk: Sequence[int] | None) -> Any:
    return statement if chunk is None else statement.where(column.in_(chunk))


def _marks() -> Any:
    image = ImageRow
    marks = (image.reviewed_at, image.skipped_at, image.missing_at)
    columns = (image.id, image.relative_path, image.sha256, *(mark.is_(None) for mark in marks))
    return select(*columns).order_by(image.id)


def _sums() -> Iterable[tuple[Any, Any]]:
    box, proposal, conflict = AnnotationRow, PredictionRow, ConflictRow
    of_box = (func.max(box.id), func.sum(box.id * box.revision), func.sum(box.revision))
    yield select(box.image_id, func.count(), *of_box).group_by(box.image_id), box.image_id
    verdict = case(_VERDICT_NUMBERS, value=proposal.verdict, else_=len(_VERDICT_NUMBERS))
    of_proposal = (
        func.max(proposal.id),
        func.sum(proposal.id * (proposal.category_id * 8 + verdict)),
    )
    statement = select(proposal.image_id, func.count(), *of_proposal)
    yield statement.group_by(proposal.image_id), proposal.image_id
    waiting = select(conflict.image_id, func.count(), func.max(conflict.at))
    waiting = waiting.where(conflict.settled_at.is_(None)).group_by(conflict.image_id)
    yield waiting, conflict.image_id


def _columns(model: Any) -> Any:
    return select(*model.__table__.columns)


def _of_images(model: Any, image_ids: Sequence[int]) -> Any:
    return _columns(model).where(model.image_id.in_(image_ids)).order_by(model.id)
