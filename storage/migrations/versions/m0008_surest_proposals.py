"""The surest proposal of each image, from which score it is shown, and whether all scores keep to what pays."""

from alembic import op

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    "ALTER TABLE prediction ADD COLUMN is_surest BOOLEAN DEFAULT '0' NOT NULL",
    """
UPDATE prediction SET is_surest = 1 WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY image_id, bundle_id ORDER BY score DESC, id) AS place
        FROM prediction
    ) WHERE place = 1
)
""",
    """
CREATE TABLE surest_threshold (
    bundle_id INTEGER NOT NULL PRIMARY KEY,
    score DOUBLE NOT NULL,
    set_at VARCHAR(27) NOT NULL
)
""",
    "ALTER TABLE review_setting ADD COLUMN keeps_to_what_pays BOOLEAN DEFAULT '0' NOT NULL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
