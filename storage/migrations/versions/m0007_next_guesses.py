"""What the next guess at a click would have given, where the first one was wrong."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("DELETE FROM pointing_trial")  # of one guess each: they are tried again in a pause
    for name in ("num_right_again", "num_near_again"):
        op.execute(f"ALTER TABLE pointing_trial ADD COLUMN {name} INTEGER DEFAULT '0' NOT NULL")
