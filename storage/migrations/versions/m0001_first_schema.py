"""The first schema."""

from alembic import op

revision = "0001"
down_revision = None

_STATEMENTS = (
    """
CREATE TABLE annotation_event (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at VARCHAR(27) NOT NULL,
    author VARCHAR NOT NULL,
    image_id INTEGER NOT NULL,
    annotation_uid VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    "before" JSON,
    "after" JSON
)
""",
    "CREATE INDEX ix_annotation_event_image ON annotation_event (image_id)",
    "CREATE INDEX ix_annotation_event_uid ON annotation_event (annotation_uid)",
    """
CREATE TABLE bundle (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    folder VARCHAR,
    backbone VARCHAR NOT NULL,
    backbone_digest VARCHAR NOT NULL,
    metrics JSON NOT NULL,
    thresholds JSON NOT NULL,
    trainable_parameters INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    job_id INTEGER,
    adopted_at VARCHAR(27),
    created_at VARCHAR(27) NOT NULL,
    UNIQUE (name)
)
""",
    """
CREATE TABLE category (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name VARCHAR NOT NULL,
    folded_name VARCHAR NOT NULL,
    prompt_text VARCHAR NOT NULL,
    color VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    UNIQUE (folded_name)
)
""",
    """
CREATE TABLE image (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    relative_path VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    exif_orientation INTEGER NOT NULL,
    reviewed_at VARCHAR(27),
    skipped_at VARCHAR(27),
    missing_at VARCHAR(27),
    is_flagged BOOLEAN NOT NULL,
    created_at VARCHAR(27) NOT NULL,
    UNIQUE (relative_path)
)
""",
    "CREATE INDEX ix_image_reviewed ON image (reviewed_at)",
    "CREATE INDEX ix_image_sha256 ON image (sha256)",
    """
CREATE TABLE image_problem (
    relative_path VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    found_at VARCHAR(27) NOT NULL,
    PRIMARY KEY (relative_path)
)
""",
    """
CREATE TABLE job (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR NOT NULL,
    spec JSON NOT NULL,
    status VARCHAR NOT NULL,
    attempt INTEGER NOT NULL,
    worker VARCHAR,
    lease_until VARCHAR(27),
    last_step_at VARCHAR(27),
    cancel_asked_at VARCHAR(27),
    step INTEGER NOT NULL,
    total_steps INTEGER NOT NULL,
    result JSON,
    error_kind VARCHAR,
    error_text VARCHAR,
    created_at VARCHAR(27) NOT NULL,
    started_at VARCHAR(27),
    finished_at VARCHAR(27)
)
""",
    "CREATE INDEX ix_job_status ON job (status)",
    """
CREATE TABLE project (
    id INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    backbone VARCHAR,
    backbone_digest VARCHAR,
    prelabel_bundle_id INTEGER,
    created_at VARCHAR(27) NOT NULL,
    PRIMARY KEY (id)
)
""",
    """
CREATE TABLE worker (
    worker VARCHAR NOT NULL,
    pid INTEGER NOT NULL,
    host VARCHAR NOT NULL,
    device VARCHAR NOT NULL,
    beat_at VARCHAR(27) NOT NULL,
    PRIMARY KEY (worker)
)
""",
    """
CREATE TABLE annotation (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    uid VARCHAR NOT NULL,
    image_id INTEGER NOT NULL,
    category_id INTEGER NOT NULL,
    origin VARCHAR NOT NULL,
    prediction_id INTEGER,
    author VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    created_at VARCHAR(27) NOT NULL,
    updated_at VARCHAR(27) NOT NULL,
    x1 DOUBLE NOT NULL,
    y1 DOUBLE NOT NULL,
    x2 DOUBLE NOT NULL,
    y2 DOUBLE NOT NULL,
    CONSTRAINT box_has_area CHECK (x2 > x1 AND y2 > y1),
    UNIQUE (uid),
    FOREIGN KEY(image_id) REFERENCES image (id),
    FOREIGN KEY(category_id) REFERENCES category (id)
)
""",
    "CREATE INDEX ix_annotation_category ON annotation (category_id, origin)",
    "CREATE INDEX ix_annotation_image ON annotation (image_id)",
    """
CREATE TABLE job_event (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at VARCHAR(27) NOT NULL,
    kind VARCHAR NOT NULL,
    payload JSON NOT NULL,
    FOREIGN KEY(job_id) REFERENCES job (id)
)
""",
    "CREATE INDEX ix_job_event_job ON job_event (job_id, id)",
    """
CREATE TABLE prediction (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    image_id INTEGER NOT NULL,
    category_id INTEGER NOT NULL,
    bundle_id INTEGER NOT NULL,
    score DOUBLE NOT NULL,
    verdict VARCHAR NOT NULL,
    judged_at VARCHAR(27),
    x1 DOUBLE NOT NULL,
    y1 DOUBLE NOT NULL,
    x2 DOUBLE NOT NULL,
    y2 DOUBLE NOT NULL,
    FOREIGN KEY(image_id) REFERENCES image (id),
    FOREIGN KEY(category_id) REFERENCES category (id),
    FOREIGN KEY(bundle_id) REFERENCES bundle (id)
)
""",
    "CREATE INDEX ix_prediction_category ON prediction (category_id)",
    "CREATE INDEX ix_prediction_image ON prediction (image_id, bundle_id)",
    "CREATE INDEX ix_prediction_queue ON prediction (bundle_id, verdict, image_id, score)",
    """
CREATE TABLE prediction_run (
    bundle_id INTEGER NOT NULL,
    image_id INTEGER NOT NULL,
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (bundle_id, image_id),
    FOREIGN KEY(bundle_id) REFERENCES bundle (id),
    FOREIGN KEY(image_id) REFERENCES image (id)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
