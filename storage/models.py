"""Tables, as SQLAlchemy sees them. Rows never leave this package: see `records` for what does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time as ISO text of fixed width, so that text order is time order."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else value.astimezone(UTC).strftime(_FORMAT)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.strptime(value, _FORMAT).replace(tzinfo=UTC)


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcTime,
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


# Exported ids must never be used twice, not even after the row with the highest one is deleted.
_NEVER_REUSED = {"sqlite_autoincrement": True}


class ProjectRow(Base):
    __tablename__ = "project"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    backbone: Mapped[str | None]
    backbone_digest: Mapped[str | None]
    prelabel_bundle_id: Mapped[int | None]
    created_at: Mapped[datetime]


class CategoryRow(Base):
    __tablename__ = "category"
    __table_args__ = (_NEVER_REUSED,)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    folded_name: Mapped[str] = mapped_column(unique=True)  # names differ by more than their case
    prompt_text: Mapped[str]
    color: Mapped[str]
    position: Mapped[int]


class ImageRow(Base):
    __tablename__ = "image"
    __table_args__ = (
        Index("ix_image_sha256", "sha256"),
        Index("ix_image_reviewed", "reviewed_at"),
        _NEVER_REUSED,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    relative_path: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int]
    mtime_ns: Mapped[int]
    exif_orientation: Mapped[int]
    reviewed_at: Mapped[datetime | None]
    skipped_at: Mapped[datetime | None]
    missing_at: Mapped[datetime | None]
    is_flagged: Mapped[bool]
    created_at: Mapped[datetime]


class ImageNoteRow(Base):
    __tablename__ = "image_note"
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    text: Mapped[str]
    author: Mapped[str]
    at: Mapped[datetime]


class ImageProblemRow(Base):
    __tablename__ = "image_problem"
    relative_path: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    size_bytes: Mapped[int]
    mtime_ns: Mapped[int]
    found_at: Mapped[datetime]


class _BoxColumns:
    x1: Mapped[float]
    y1: Mapped[float]
    x2: Mapped[float]
    y2: Mapped[float]


class AnnotationRow(_BoxColumns, Base):
    __tablename__ = "annotation"
    __table_args__ = (
        CheckConstraint("x2 > x1 AND y2 > y1", name="box_has_area"),
        Index("ix_annotation_image", "image_id"),
        Index("ix_annotation_category", "category_id", "origin"),
        _NEVER_REUSED,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"))
    origin: Mapped[str]
    prediction_id: Mapped[int | None]
    author: Mapped[str]
    revision: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class AnnotationEventRow(Base):
    __tablename__ = "annotation_event"
    __table_args__ = (
        Index("ix_annotation_event_image", "image_id"),
        Index("ix_annotation_event_uid", "annotation_uid"),
        _NEVER_REUSED,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    author: Mapped[str]
    image_id: Mapped[int]
    annotation_uid: Mapped[str]
    action: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


class ChangeRow(Base):
    """One deed that touched much at once, or a moment that a person named.

    Its events are those after `first_event_id` up to `last_event_id`. Classes are kept by id, as they were
    before and after, where they differ.
    """

    __tablename__ = "change"
    __table_args__ = (
        Index("ix_change_last_event", "last_event_id"),
        _NEVER_REUSED,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    author: Mapped[str]
    kind: Mapped[str]
    text: Mapped[str]
    first_event_id: Mapped[int]
    last_event_id: Mapped[int]
    undoes: Mapped[int | None]
    details: Mapped[dict[str, Any]]
    classes_before: Mapped[dict[str, Any]]
    classes_after: Mapped[dict[str, Any]]


class ChangedRowRow(Base):
    """What a row of another table held before a change; NULL where there was none."""

    __tablename__ = "changed_row"
    __table_args__ = ({"sqlite_with_rowid": False},)
    change_id: Mapped[int] = mapped_column(ForeignKey("change.id"), primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    row_id: Mapped[int] = mapped_column(primary_key=True)
    before: Mapped[str | None]


class BundleRow(Base):
    __tablename__ = "bundle"
    __table_args__ = (_NEVER_REUSED,)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    folder: Mapped[str | None]
    backbone: Mapped[str]
    backbone_digest: Mapped[str]
    metrics: Mapped[dict[str, Any]]
    thresholds: Mapped[dict[str, Any]]
    trainable_parameters: Mapped[int]
    steps: Mapped[int]
    job_id: Mapped[int | None]
    adopted_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class PredictionRow(_BoxColumns, Base):
    __tablename__ = "prediction"
    __table_args__ = (
        Index("ix_prediction_image", "image_id", "bundle_id"),
        Index("ix_prediction_queue", "bundle_id", "verdict", "image_id", "score"),
        Index("ix_prediction_category", "category_id"),
        Index("ix_prediction_shown", "bundle_id", "category_id", "score"),
        _NEVER_REUSED,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"))
    bundle_id: Mapped[int] = mapped_column(ForeignKey("bundle.id"))
    score: Mapped[float]
    verdict: Mapped[str]
    judged_at: Mapped[datetime | None]
    duplicate_of: Mapped[int | None]
    is_surest: Mapped[bool] = mapped_column(server_default="0")


class PredictionRunRow(Base):
    """That a bundle has been run on an image, even where it proposed nothing."""

    __tablename__ = "prediction_run"
    bundle_id: Mapped[int] = mapped_column(ForeignKey("bundle.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    at: Mapped[datetime]


class ClassThresholdRow(Base):
    """The score from which a person wants to see a class of a bundle, in place of the bundle's own."""

    __tablename__ = "class_threshold"
    bundle_id: Mapped[int] = mapped_column(primary_key=True)
    category_id: Mapped[int] = mapped_column(primary_key=True)
    score: Mapped[float]
    set_at: Mapped[datetime]


class SurestThresholdRow(Base):
    """The score from which the surest proposal of an image is shown, even below the threshold of its class."""

    __tablename__ = "surest_threshold"
    bundle_id: Mapped[int] = mapped_column(primary_key=True)
    score: Mapped[float]
    set_at: Mapped[datetime]


class ReviewSettingRow(Base):
    """How the queue is ordered; there is one row at most."""

    __tablename__ = "review_setting"
    id: Mapped[int] = mapped_column(primary_key=True)
    queue_order: Mapped[str]
    category_id: Mapped[int | None]
    like_prediction_id: Mapped[int | None]
    seed: Mapped[int]
    merges_duplicates: Mapped[bool]
    keeps_to_what_pays: Mapped[bool] = mapped_column(server_default="0")


class MeasuredProposalRow(Base):
    """What a bundle proposed on an image whose boxes are known; `iou` with the box it found, or 0."""

    __tablename__ = "measured_proposal"
    __table_args__ = (
        Index("ix_measured_proposal_bundle", "bundle_id", "image_id"),
        _NEVER_REUSED,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    bundle_id: Mapped[int]
    image_id: Mapped[int]
    category_id: Mapped[int]
    score: Mapped[float]
    iou: Mapped[float]


class MeasuredTruthRow(Base):
    """How many boxes such an image has of a class; nought counts too."""

    __tablename__ = "measured_truth"
    bundle_id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(primary_key=True)
    category_id: Mapped[int] = mapped_column(primary_key=True)
    num_boxes: Mapped[int]


class PointingTrialRow(Base):
    """What a click at the drawn objects of a finished image would have given; of `num_objects` that were tried."""

    __tablename__ = "pointing_trial"
    __table_args__ = (Index("ix_pointing_trial_at", "at"),)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    at: Mapped[datetime]
    num_objects: Mapped[int]
    num_right: Mapped[int]
    num_near: Mapped[int]
    num_right_again: Mapped[int] = mapped_column(server_default="0")
    num_near_again: Mapped[int] = mapped_column(server_default="0")


class EffortRow(Base):
    """Seconds that a person spent on an image up to an action; pauses are cut off."""

    __tablename__ = "effort"
    __table_args__ = (Index("ix_effort_help", "has_help", "action"),)
    uid: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    author: Mapped[str]
    image_id: Mapped[int]
    action: Mapped[str]
    seconds: Mapped[float]
    num_boxes: Mapped[int]
    has_help: Mapped[bool]


class AuditRow(Base):
    """A blind audit: which finished images were drawn by lot, and what it came to."""

    __tablename__ = "audit"
    __table_args__ = (_NEVER_REUSED,)
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    author: Mapped[str]
    seed: Mapped[int]
    num_done: Mapped[int]
    finished_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None]


class AuditImageRow(Base):
    """An image of an audit: the labels as they were, the boxes drawn blind, and what was settled."""

    __tablename__ = "audit_image"
    audit_id: Mapped[int] = mapped_column(ForeignKey("audit.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int]
    at: Mapped[datetime | None]
    labels: Mapped[list[Any] | None]
    blind: Mapped[list[Any] | None]
    label_is_right: Mapped[list[Any] | None]


class ConflictRow(Base):
    """A box that was changed here and elsewhere: the row here is one version, `theirs` the other."""

    __tablename__ = "conflict"
    __table_args__ = (Index("ix_conflict_open", "settled_at", "image_id"), _NEVER_REUSED)
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    source: Mapped[str]
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    annotation_uid: Mapped[str]
    theirs: Mapped[dict[str, Any] | None]
    settled_at: Mapped[datetime | None]
    choice: Mapped[str | None]


class SuggestionRow(Base):
    """An image that is worth labelling next; the lowest place first."""

    __tablename__ = "suggestion"
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    place: Mapped[int]
    score: Mapped[float]
    at: Mapped[datetime]


class JobRow(Base):
    __tablename__ = "job"
    __table_args__ = (Index("ix_job_status", "status"), _NEVER_REUSED)
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    spec: Mapped[dict[str, Any]]
    status: Mapped[str]
    attempt: Mapped[int]
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    last_step_at: Mapped[datetime | None]
    cancel_asked_at: Mapped[datetime | None]
    step: Mapped[int]
    total_steps: Mapped[int]
    result: Mapped[dict[str, Any] | None]
    error_kind: Mapped[str | None]
    error_text: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobEventRow(Base):
    __tablename__ = "job_event"
    __table_args__ = (Index("ix_job_event_job", "job_id", "id"), _NEVER_REUSED)
    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"))
    attempt: Mapped[int]
    at: Mapped[datetime]
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]


class WorkerRow(Base):
    __tablename__ = "worker"
    worker: Mapped[str] = mapped_column(primary_key=True)
    pid: Mapped[int]
    host: Mapped[str]
    device: Mapped[str]
    beat_at: Mapped[datetime]
