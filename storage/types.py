"""The records that leave the storage: frozen, plain, free of SQLAlchemy.

Boxes are (x1, y1, x2, y2) in float pixels of the EXIF-upright image, origin top left, kept to a
thousandth of a pixel. Times are aware UTC datetimes.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Box = tuple[float, float, float, float]


class Origin(StrEnum):
    """How a box of a person came to be."""

    DRAWN = "drawn"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    IMPORTED = "imported"


class Verdict(StrEnum):
    """What a person said of a proposal."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    REJECTED = "rejected"


class BundleKind(StrEnum):
    """Where proposals come from."""

    ZERO_SHOT = "zero_shot"
    TUNED = "tuned"
    IMPORTED = "imported"


class JobKind(StrEnum):
    """What a job does."""

    TUNE = "tune"
    PREDICT = "predict"
    INGEST = "ingest"
    EXPORT = "export"
    EMBED = "embed"
    CHECK = "check"
    BRAIN = "brain"


class JobStatus(StrEnum):
    """queued -> running -> succeeded | failed | cancelled; back to queued when given up."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Whether nothing will happen to the job any more."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


class EventAction(StrEnum):
    """What happened to an annotation."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


class ImageFilter(StrEnum):
    """Which images to list. All but `MISSING` leave out images whose file has vanished.

    `HAS_NONE` are images that are done and hold no box.
    `UNLABELLED`, `WITH_PROPOSALS` and `SUGGESTED` are work still to do, so they leave out skipped
    images too. `SUGGESTED` is in the order of the suggestion, the others are by path.
    """

    ALL = "all"
    LABELLED = "labelled"
    UNLABELLED = "unlabelled"
    REVIEWED = "reviewed"
    UNREVIEWED = "unreviewed"
    WITH_PROPOSALS = "with_proposals"
    SKIPPED = "skipped"
    MISSING = "missing"
    SUGGESTED = "suggested"
    FLAGGED = "flagged"
    COMMENTED = "commented"
    HAS_NONE = "has_none"


class ConflictChoice(StrEnum):
    """What a person decided about a box that was changed in two places."""

    HERE = "here"
    THEIRS = "theirs"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Project:
    """The one row that says what this workspace is. `prelabel_bundle_id`: whose proposals show."""

    id: int
    name: str
    backbone: str | None
    backbone_digest: str | None
    prelabel_bundle_id: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Category:
    """A class: the name people see, the text the model reads, the id that is exported."""

    id: int
    name: str
    prompt_text: str
    color: str
    position: int


@dataclass(frozen=True, slots=True)
class Image:
    """One image file under the data folder. Width and height are those of the upright image."""

    id: int
    relative_path: str
    sha256: str
    width: int
    height: int
    size_bytes: int
    mtime_ns: int
    exif_orientation: int
    reviewed_at: datetime | None
    skipped_at: datetime | None
    missing_at: datetime | None
    flagged: bool
    created_at: datetime

    @property
    def size_wh(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class ImageProblem:
    """A file that could not be taken in, and why; unchanged, it need not be tried again."""

    relative_path: str
    reason: str
    size_bytes: int
    mtime_ns: int
    found_at: datetime


@dataclass(frozen=True, slots=True)
class Annotation:
    """A box that a person stands behind. `uid` is made by the client; `id` is what is exported."""

    id: int
    uid: str
    image_id: int
    box: Box
    category_id: int
    origin: Origin
    prediction_id: int | None
    author: str
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AnnotationEvent:
    """One change of one annotation; `before` and `after` are its values as JSON."""

    id: int
    at: datetime
    author: str
    image_id: int
    annotation_uid: str
    action: EventAction
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A box that was changed here and in `source` since both agreed.

    `theirs` is the other version, {"box", "category_id"}, or None where it was deleted there.
    """

    id: int
    at: datetime
    source: str
    image_id: int
    annotation_uid: str
    theirs: dict[str, Any] | None
    settled_at: datetime | None
    choice: ConflictChoice | None


@dataclass(frozen=True, slots=True)
class NewPrediction:
    """A proposal that is about to be stored; score in 0..1."""

    box: Box
    category_id: int
    score: float


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """A proposal of a bundle; never edited, only judged."""

    id: int
    image_id: int
    box: Box
    category_id: int
    bundle_id: int
    score: float
    verdict: Verdict
    judged_at: datetime | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A source of proposals. `folder` is relative to the state folder; thresholds by class id."""

    id: int
    name: str
    kind: BundleKind
    folder: str | None
    backbone: str
    backbone_digest: str
    metrics: dict[str, Any]
    thresholds: dict[str, float]
    trainable_parameters: int
    steps: int
    job_id: int | None
    adopted_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work for the worker, and how far it is."""

    id: int
    kind: JobKind
    spec: dict[str, Any]
    status: JobStatus
    attempt: int
    worker: str | None
    lease_until: datetime | None
    last_step_at: datetime | None
    cancel_asked_at: datetime | None
    step: int
    total_steps: int
    result: dict[str, Any] | None
    error_kind: str | None
    error_text: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's log."""

    id: int
    job_id: int
    attempt: int
    at: datetime
    kind: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write about a job, held by one worker for one attempt."""

    job: Job
    worker: str
    attempt: int


@dataclass(frozen=True, slots=True)
class WorkerPresence:
    """A worker process that has been heard of."""

    worker: str
    pid: int
    host: str
    device: str
    beat_at: datetime


@dataclass(frozen=True, slots=True)
class PredictionCounts:
    """How many proposals of a bundle stand where, and how many images it has been run on."""

    total: int
    pending: int
    accepted: int
    corrected: int
    rejected: int
    num_images: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The whole project in numbers.

    `human` counts drawn, corrected and imported boxes, `accepted` proposals taken as they were,
    `imported` those of `human` that came from a file. `total`, `labelled`, `reviewed` and
    `skipped` count images whose file is there.
    """

    total: int
    labelled: int
    reviewed: int
    skipped: int
    missing: int
    problems: int
    human: int
    accepted: int
    imported: int
    predictions_total: int
    predictions_pending: int


@dataclass(frozen=True, slots=True)
class ImportedBox:
    """A box of a file. `where` names its place in the file, for messages.

    `box` is xyxy pixels, or xyxy as a share of the image (0..1) when `is_relative`.
    `category` is an index into `ImportedDataset.categories`.
    """

    where: str
    category: int
    box: Box
    is_relative: bool = False
    score: float | None = None
    uid: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedImage:
    """An image of a file. `has_suffix` is False where the file names it without its ending."""

    where: str
    file_name: str
    size_wh: tuple[int, int] | None
    is_reviewed: bool | None
    boxes: tuple[ImportedBox, ...]
    has_suffix: bool = True


@dataclass(frozen=True, slots=True)
class ImportedDataset:
    """A COCO or YOLO data set as read from disk: checked in itself, not yet against the images.

    `num_crowd` counts crowd regions, which hold no single object and were left out.
    """

    source: str
    categories: tuple[str, ...]
    images: tuple[ImportedImage, ...]
    num_crowd: int = 0


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    `images` matched, `annotations` added (or proposals), `categories` added, `unchanged` boxes that
    were already there, `kept` boxes that were edited here since and were left as they are.
    """

    images: int
    annotations: int
    categories: int
    unchanged: int
    kept: int = 0
    crowd: int = 0
    bundle_id: int | None = None
    category_names: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class YoloReport:
    """What a YOLO export wrote."""

    images: int
    annotations: int
    train: int
    val: int
