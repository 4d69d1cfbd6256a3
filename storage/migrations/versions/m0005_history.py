"""Deeds that touch much at once, and what they changed beside the boxes, so that each can be undone."""

from alembic import op

revision = "0005"
down_revision = "0004"

# Imports of earlier versions wrote one event per box: as one deed each they can be read and undone.
_LEAST_BOXES_OF_A_DEED = 100

_STATEMENTS = (
    """
CREATE TABLE change (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at VARCHAR(27) NOT NULL,
    author VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    first_event_id INTEGER NOT NULL,
    last_event_id INTEGER NOT NULL,
    undoes INTEGER,
    details JSON NOT NULL,
    classes_before JSON NOT NULL,
    classes_after JSON NOT NULL
)
""",
    "CREATE INDEX ix_change_last_event ON change (last_event_id)",
    """
CREATE TABLE changed_row (
    change_id INTEGER NOT NULL,
    part VARCHAR NOT NULL,
    row_id INTEGER NOT NULL,
    "before" VARCHAR,
    PRIMARY KEY (change_id, part, row_id),
    FOREIGN KEY(change_id) REFERENCES change (id)
) WITHOUT ROWID
""",
    f"""
INSERT INTO change (at, author, kind, text, first_event_id, last_event_id,
                    details, classes_before, classes_after)
SELECT at, author, 'add', 'Added ' || count(*) || ' boxes', min(id) - 1, max(id),
       '{{}}', '{{}}', '{{}}'
FROM annotation_event
GROUP BY at, author
HAVING count(*) >= {_LEAST_BOXES_OF_A_DEED} AND max(id) - min(id) = count(*) - 1
   AND min(action) = 'create' AND max(action) = 'create'
ORDER BY min(id)
""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
