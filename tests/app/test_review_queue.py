"""Which image Review shows next, by what a person has rejected or removed since an order was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import review
from app.classes import Who, remove_class
from app.queueing import Order
from app.review_queue import choose_order, queue
from app.server import create_api
from app.settings import Settings
from app.workspace import Workspace
from storage import bundles, categories, predictions, projects
from storage.types import Box, BundleKind, NewPrediction
from tests.app.blood_cells import blood_cells

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SMALL, LARGE = (10.0, 10.0, 30.0, 30.0), (100.0, 100.0, 400.0, 400.0)
HAS_SMALL, HAS_LARGE, WRONG = 2, 3, 4  # the images that no person has labelled


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with blood_cells(tmp_path, num_images=4, num_labelled=1) as made:
        with made.database.write() as tx:
            bundle = bundles.create(tx, name="b", kind=BundleKind.IMPORTED, at=AT)
            for image_id, found in {
                HAS_SMALL: [NewPrediction(SMALL, 1, 0.5)],
                HAS_LARGE: [NewPrediction(LARGE, 1, 0.5)],
                WRONG: [
                    NewPrediction(SMALL, 1, 0.6),
                    NewPrediction(LARGE, 1, 0.5),
                    NewPrediction((50.0, 10.0, 90.0, 50.0), 2, 0.4),
                ],
            }.items():
                predictions.replace_for_image(
                    tx, bundle_id=bundle.id, image_id=image_id, predictions=found, at=AT
                )
            projects.set_prelabel_bundle(tx, bundle.id)
        yield made


def wrong(workspace: Workspace, *, box: Box | None = None, category_id: int = 1) -> int:
    """A proposal on the image where all of them are wrong."""
    with workspace.database.read() as tx:
        found = predictions.for_image(tx, WRONG)
    return next(p.id for p in found if p.category_id == category_id and box in (None, p.box))


def reject(workspace: Workspace, prediction_id: int, *, after_s: int = 0) -> None:
    at = AT + timedelta(seconds=after_s)
    review.reject(workspace, prediction_id, author="tester", at=at)


def queued(workspace: Workspace) -> list[int]:
    return [item.image_id for item in queue(workspace)]


def test_look_alikes_follow_the_newest_rejection(workspace: Workspace) -> None:
    large, small = wrong(workspace, box=LARGE), wrong(workspace, box=SMALL)
    assert small < large  # so that the newest is not merely the one with the largest id
    reject(workspace, large)
    choose_order(workspace, Order.LOOK_ALIKES)
    before = queued(workspace)
    reject(workspace, small, after_s=1)

    assert before[0] == HAS_LARGE
    assert queued(workspace) == [HAS_SMALL, HAS_LARGE]


def test_look_alikes_of_a_named_proposal_stay_with_it(workspace: Workspace) -> None:
    small = wrong(workspace, box=SMALL)
    choose_order(workspace, Order.LOOK_ALIKES, like_prediction_id=small)
    for after_s, box in enumerate((SMALL, LARGE)):
        reject(workspace, wrong(workspace, box=box), after_s=after_s)

    assert queued(workspace) == [HAS_SMALL, HAS_LARGE]


def asked(workspace: Workspace, path: str) -> dict[str, Any]:
    """As the page does."""
    api = create_api(workspace, Settings(data_dir=workspace.data_dir, port=7860))
    answer = TestClient(api, base_url="http://127.0.0.1:7860").get(f"/sdpt/api/{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("chosen", ["one class", "like one of it", "like the last rejected"])
def test_the_queue_goes_on_in_the_usual_order_without_the_class_of_its_order(
    workspace: Workspace, chosen: str
) -> None:
    of_class = wrong(workspace, category_id=2)
    if chosen == "one class":
        choose_order(workspace, Order.ONE_CLASS, category_id=2)
    elif chosen == "like one of it":
        choose_order(workspace, Order.LOOK_ALIKES, like_prediction_id=of_class)
    else:
        reject(workspace, of_class)
        choose_order(workspace, Order.LOOK_ALIKES)
    remove_class(workspace, 2, who=Who("tester", AT))
    found, state = asked(workspace, "review/queue"), asked(workspace, "review")
    choose_order(workspace, Order.SECONDS_SAVED)

    assert found["ids"] == queued(workspace) != []
    assert state["order"] == "seconds_saved"


def test_a_class_of_which_nothing_waits_is_named(workspace: Workspace) -> None:
    choose_order(workspace, Order.ONE_CLASS, category_id=2)
    reject(workspace, wrong(workspace, category_id=2))
    with workspace.database.read() as tx:
        (name,) = (c.name for c in categories.list_all(tx) if c.id == 2)
    found = asked(workspace, "review/queue")

    assert found["ids"] == []
    assert found["message"].startswith(f"No proposal of '{name}' waits")
