"""Boxes that were changed in two places, and images that are worth labelling next."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    """
CREATE TABLE conflict (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at VARCHAR(27) NOT NULL,
    source VARCHAR NOT NULL,
    image_id INTEGER NOT NULL,
    annotation_uid VARCHAR NOT NULL,
    theirs JSON,
    settled_at VARCHAR(27),
    choice VARCHAR,
    FOREIGN KEY(image_id) REFERENCES image (id)
)
""",
    "CREATE INDEX ix_conflict_open ON conflict (settled_at, image_id)",
    """
CREATE TABLE suggestion (
    image_id INTEGER NOT NULL,
    place INTEGER NOT NULL,
    score DOUBLE NOT NULL,
    at VARCHAR(27) NOT NULL,
    PRIMARY KEY (image_id),
    FOREIGN KEY(image_id) REFERENCES image (id)
)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
