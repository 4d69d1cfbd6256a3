"""Review: thresholds, duplicates, what was measured of bundles, time that people spend, and blind audits."""

from alembic import op

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    "ALTER TABLE prediction ADD COLUMN duplicate_of INTEGER",
    "CREATE INDEX ix_prediction_shown ON prediction (bundle_id, category_id, score)",
    """
CREATE TABLE class_threshold (
    bundle_id INTEGER NOT NULL,
    category_id INTEGER NOT NULL,
    score DOUBLE NOT NULL,
    set_at VARCHAR(27) NOT NULL,
    PRIMARY KEY (bundle_id, category_id)
)
""",
    """
CREATE TABLE review_setting (
    id INTEGER NOT NULL PRIMARY KEY,
    queue_order VARCHAR NOT NULL,
    category_id INTEGER,
    like_prediction_id INTEGER,
    seed INTEGER NOT NULL,
    merges_duplicates BOOLEAN NOT NULL
)
""",
    """
CREATE TABLE measured_proposal (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    bundle_id INTEGER NOT NULL,
    image_id INTEGER NOT NULL,
    category_id INTEGER NOT NULL,
    score DOUBLE NOT NULL,
    iou DOUBLE NOT NULL
)
""",
    "CREATE INDEX ix_measured_proposal_bundle ON measured_proposal (bundle_id, image_id)",
    """
CREATE TABLE measured_truth (
    bundle_id INTEGER NOT NULL,
    image_id INTEGER NOT NULL,
    category_id INTEGER NOT NULL,
    num_boxes INTEGER NOT NULL,
    PRIMARY KEY (bundle_id, image_id, category_id)
)
""",
    """
CREATE TABLE effort (
    uid VARCHAR NOT NULL PRIMARY KEY,
    at VARCHAR(27) NOT NULL,
    author VARCHAR NOT NULL,
    image_id INTEGER NOT NULL,
    action VARCHAR NOT NULL,
    seconds DOUBLE NOT NULL,
    num_boxes INTEGER NOT NULL,
    has_help BOOLEAN NOT NULL
)
""",
    "CREATE INDEX ix_effort_help ON effort (has_help, action)",
    """
CREATE TABLE audit (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at VARCHAR(27) NOT NULL,
    author VARCHAR NOT NULL,
    seed INTEGER NOT NULL,
    num_done INTEGER NOT NULL,
    finished_at VARCHAR(27),
    result JSON
)
""",
    """
CREATE TABLE audit_image (
    audit_id INTEGER NOT NULL,
    place INTEGER NOT NULL,
    image_id INTEGER NOT NULL,
    at VARCHAR(27),
    labels JSON,
    blind JSON,
    label_is_right JSON,
    PRIMARY KEY (audit_id, place),
    FOREIGN KEY(audit_id) REFERENCES audit (id)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
