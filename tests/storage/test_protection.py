"""What people made cannot be touched by a job, whatever statement it tries."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from storage import annotations
from storage.errors import ConflictError, InvalidBoxError, ProtectedError
from storage.types import EventAction
from tests.storage.conftest import AT, Project

ATTACKS = (
    "DELETE FROM annotation",
    "UPDATE annotation SET x1 = 0",
    "INSERT INTO annotation (uid) VALUES ('x')",
    "REPLACE INTO annotation (uid) VALUES ('x')",
    "DELETE FROM annotation_event",
    "UPDATE annotation_event SET author = 'job'",
    "DELETE FROM change",
    "UPDATE changed_row SET before = NULL",
    "DELETE FROM image",
    "UPDATE image SET reviewed_at = NULL",
    "DELETE FROM category",
    "DROP TABLE annotation",
    "UPDATE audit SET result = NULL",
    "DELETE FROM effort",
    "DELETE FROM class_threshold",
    "DELETE FROM surest_threshold",
)


@pytest.mark.parametrize("statement", ATTACKS)
def test_no_statement_of_a_job_can_touch_human_labels(project: Project, statement: str) -> None:
    drawn = project.draw()
    with (
        pytest.raises(ProtectedError, match="nothing was written"),
        project.database.job_write() as tx,
    ):
        tx.execute(text(statement))
    with project.database.read() as tx:
        assert annotations.for_image(tx, drawn.image_id) == [drawn]


def test_every_change_is_in_the_history(project: Project) -> None:
    drawn = project.draw()
    with project.database.write() as tx:
        annotations.update(tx, drawn.uid, box=(5, 5, 50, 50), author="tester", at=AT)
        annotations.delete(tx, drawn.uid, author="tester", at=AT)
        annotations.restore(tx, drawn.uid, author="tester", at=AT)
    with project.database.read() as tx:
        actions = [event.action for event in annotations.events(tx, image_id=drawn.image_id)]
    assert actions == [
        EventAction.CREATE,
        EventAction.UPDATE,
        EventAction.DELETE,
        EventAction.RESTORE,
    ]


def test_a_change_of_an_outdated_box_is_refused(project: Project) -> None:
    drawn = project.draw()
    with pytest.raises(ConflictError), project.database.write() as tx:
        annotations.update(
            tx, drawn.uid, box=(5, 5, 50, 50), author="late", at=AT, expected_revision=9
        )


def test_an_exported_id_is_never_used_again(project: Project) -> None:
    first = project.draw()
    with project.database.write() as tx:
        annotations.delete(tx, first.uid, author="tester", at=AT)
    assert project.draw().id > first.id


@pytest.mark.parametrize(
    "box", [(5, 5, 5, 50), (50, 5, 5, 50), (float("nan"), 5, 50, 50), (-9, 5, 50, 50)]
)
def test_an_impossible_box_is_refused(
    project: Project, box: tuple[float, float, float, float]
) -> None:
    with pytest.raises(InvalidBoxError, match="box"):
        project.draw(box)
