"""What a click at the objects of finished images would have given."""

from alembic import op

revision = "0006"
down_revision = "0005"


_STATEMENTS = (
    """
CREATE TABLE pointing_trial (
    image_id INTEGER NOT NULL,
    at VARCHAR(27) NOT NULL,
    num_objects INTEGER NOT NULL,
    num_right INTEGER NOT NULL,
    num_near INTEGER NOT NULL,
    PRIMARY KEY (image_id),
    FOREIGN KEY(image_id) REFERENCES image (id)
)
""",
    "CREATE INDEX ix_pointing_trial_at ON pointing_trial (at)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
