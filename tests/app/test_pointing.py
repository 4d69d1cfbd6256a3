"""One click instead of a drawing: what is known at the click, who answers, and whether it is quicker."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app import labelling, review
from app.classes import add_class
from app.errors import InvalidEditError
from app.ingest import ingest
from app.pointing.asking import NoAnswerError, PointingError, PointingProcess
from app.pointing.child import read, written
from app.pointing.question import Guesses, Question, question_at
from app.pointing.service import PointingService
from app.pointing.sizes import usual_size
from app.pointing.trials import (
    PointingTrial,
    Trials,
    cheapest_costs,
    pointing_trial,
    try_pointing,
)
from app.queueing import Costs
from app.server import create_api
from app.settings import Settings
from app.workspace import Workspace, open_workspace
from sdpt_engine.types import UsualSize
from storage import bundles, predictions, projects
from storage.box_sizes import Sides
from storage.boxes import intersection_over_union
from storage.types import Box, BundleKind, NewPrediction
from tests.app.blood_cells import now
from tests.engine.second_look.scenes import SIZE_WH, discs

SURE, UNSURE = (50.0, 50.0, 90.0, 90.0), (200.0, 20.0, 260.0, 80.0)
PATIENCE_S = 60
DIAGONAL = math.hypot(*SIZE_WH)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Three pictures of four discs. On the first a sure proposal and one that is not shown."""
    (tmp_path / "images").mkdir()
    for seed in range(3):
        Image.fromarray(discs(seed)[0]).save(tmp_path / "images" / f"{seed}.png")
    with open_workspace(tmp_path / "images") as made:
        ingest(made)
        add_class(made, "disc")
        with made.database.write() as tx:
            bundle = bundles.create(tx, name="test", kind=BundleKind.ZERO_SHOT, at=now())
            found = [NewPrediction(SURE, 1, 0.9), NewPrediction(UNSURE, 1, 0.08)]
            predictions.replace_for_image(
                tx, bundle_id=bundle.id, image_id=1, predictions=found, at=now()
            )
            projects.set_prelabel_bundle(tx, bundle.id)
        yield made


def draw(workspace: Workspace, image_id: int, *boxes: Box) -> None:
    edits = [labelling.CreateBox(f"{image_id}-{box[0]}-{box[1]}", box, 1) for box in boxes]
    labelling.apply_edits(workspace, image_id, edits, author="tester", at=now())


def draw_discs(workspace: Workspace, image_id: int) -> list[Box]:
    """All discs of a picture, which is done then."""
    true = [tuple(map(float, box)) for box in discs(image_id - 1)[1]]
    draw(workspace, image_id, *true)
    labelling.set_reviewed(workspace, image_id, is_reviewed=True, at=now())
    return true


def test_all_that_waits_counts_as_found_shown_or_not(workspace: Workspace) -> None:
    asked = question_at(workspace, 1, (230.0, 50.0), category_id=1, taken=[SURE])
    assert (asked.found, asked.taken) == ((SURE, UNSURE), (SURE,))
    assert asked.scores == pytest.approx((0.9, 0.08))


def test_what_a_person_turned_down_is_found_no_more(workspace: Workspace) -> None:
    with workspace.database.read() as tx:
        (unsure,) = [p for p in predictions.for_image(tx, 1) if p.box == UNSURE]
    review.reject(workspace, unsure.id, author="tester", at=now())
    assert question_at(workspace, 1, (230.0, 50.0), category_id=1, taken=[]).found == (SURE,)


def test_a_point_outside_the_image_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InvalidEditError, match=r"400, 50 lies outside .* 320 x 240"):
        question_at(workspace, 1, (400.0, 50.0), category_id=1, taken=[])


def test_the_size_of_a_class_comes_from_its_boxes_and_a_little_from_all() -> None:
    sides = [Sides(1, 0.1, 0.2)] * 9 + [Sides(2, 0.4, 0.4)] * 9
    small = usual_size(sides, 1, size_wh=SIZE_WH)
    assert small.width == pytest.approx(0.1 * DIAGONAL, rel=0.1)
    assert small.height == pytest.approx(0.2 * DIAGONAL, rel=0.1)
    unknown = usual_size(sides, 3, size_wh=SIZE_WH)
    assert unknown.width == pytest.approx(0.2 * DIAGONAL)  # between both


def test_sizes_that_differ_make_the_guess_less_sure() -> None:
    alike, unlike = [Sides(1, 0.1, 0.1)] * 20, [Sides(1, 0.05 * n, 0.05 * n) for n in range(1, 20)]
    assert usual_size([], 1, size_wh=SIZE_WH).scatter == 0.5
    assert usual_size(alike, 1, size_wh=SIZE_WH).scatter < 0.25
    assert usual_size(unlike, 1, size_wh=SIZE_WH).scatter > 0.5


def test_a_question_survives_the_way_to_the_other_process() -> None:
    asked = Question(
        "a b.png", "5ha", None, (1.5, 2.0), 7, UsualSize(3.0, 4.0, 0.5), (SURE,), (0.5,), (UNSURE,)
    )
    assert read(written(asked)) == asked


def test_another_process_answers_and_is_started_again_when_it_died(workspace: Workspace) -> None:
    draw_discs(workspace, 2)
    asked = question_at(workspace, 3, middle(discs(2)[1][0]), category_id=1, taken=[])
    with closing(PointingProcess(workspace)) as ask:
        first, pid = ask(asked), ask.pid
        assert intersection_over_union(first[0], tuple(map(float, discs(2)[1][0]))) > 0.75
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert ask(asked) == first
        assert ask.pid not in (None, pid)
        with pytest.raises(PointingError, match=r"gone\.png"):
            ask(Question("gone.png", "", None, (5.0, 5.0), 1, UsualSize(10.0, 10.0, 0.5)))
        assert ask(asked) == first
    assert ask.pid is None


def middle(box: object) -> tuple[float, float]:
    x1, y1, x2, y2 = map(float, box)  # type: ignore[call-overload]
    return (x1 + x2) / 2, (y1 + y2) / 2


def test_the_page_gets_the_box_of_a_click_and_nothing_is_stored(workspace: Workspace) -> None:
    settings = Settings(data_dir=workspace.data_dir, port=7860)
    with closing(PointingService(workspace)) as pointing:
        api = create_api(workspace, settings, pointing=pointing)
        client = TestClient(api, base_url="http://127.0.0.1:7860", headers={"x-sdpt": "test"})
        assert client.post("/sdpt/api/pointing").status_code == 200
        x, y = middle(discs(1)[1][0])
        answer = client.post(
            "/sdpt/api/images/2/boxes-at", json={"x": x, "y": y, "category_id": 1, "taken": []}
        )
        outside = client.post(
            "/sdpt/api/images/2/boxes-at", json={"x": -9, "y": 1, "category_id": 1, "taken": []}
        )
    assert intersection_over_union(tuple(answer.json()["boxes"][0]), tuple(discs(1)[1][0])) > 0.75
    assert outside.status_code == 422
    assert labelling.image_document(workspace, 2)["annotations"] == []


def test_drawn_objects_of_finished_images_are_tried_once(workspace: Workspace) -> None:
    true = draw_discs(workspace, 2)
    draw(workspace, 3, SURE)  # not done
    asked: list[Question] = []

    def ask(question: Question) -> Guesses:
        asked.append(question)
        return (true[0],)

    assert try_pointing(workspace, ask) == 1
    assert len(asked) == 4
    assert all(len(question.taken) == 3 for question in asked)
    with workspace.database.read() as tx:
        assert pointing_trial(tx) == PointingTrial(4, num_right=1, num_near=0)
    assert try_pointing(workspace, ask) == 0


def test_a_trial_counts_the_next_guess_where_the_first_is_wrong(workspace: Workspace) -> None:
    true = draw_discs(workspace, 2)
    x1, y1, x2, y2 = true[1]
    loose = (x1, y1, x2 + 0.5 * (x2 - x1), y2)
    try_pointing(workspace, lambda _: (true[0], loose))
    assert trial_of(workspace) == PointingTrial(4, num_right=1, num_near_again=1)


def test_an_image_that_is_done_again_is_tried_again(workspace: Workspace) -> None:
    true = draw_discs(workspace, 2)
    try_pointing(workspace, lambda _: (true[0],))
    labelling.set_reviewed(workspace, 2, is_reviewed=True, at=now())
    assert try_pointing(workspace, lambda _: (true[0],)) == 1


def test_a_trial_knows_neither_the_box_nor_its_size(workspace: Workspace) -> None:
    draw_discs(workspace, 2)
    asked: list[Question] = []
    try_pointing(workspace, lambda question: asked.append(question) or (SURE,))  # type: ignore[func-returns-value]
    assert {question.size for question in asked} == {usual_size([], 1, size_wh=SIZE_WH)}


def test_a_picture_that_nobody_can_read_is_tried_in_vain_but_once(workspace: Workspace) -> None:
    draw_discs(workspace, 2)

    def ask(_: Question) -> Guesses:
        raise PointingError("broken")

    assert [try_pointing(workspace, ask) for _ in range(2)] == [1, 0]
    with workspace.database.read() as tx:
        assert pointing_trial(tx) == PointingTrial()


def test_trials_run_beside_the_server_in_a_pause(workspace: Workspace) -> None:
    true, asked = draw_discs(workspace, 2), threading.Event()

    def ask(_: Question) -> Guesses:
        asked.set()
        return (true[0],)

    with closing(Trials(workspace, ask)) as trials:
        trials.start()
        trials.want()
        assert asked.wait(PATIENCE_S)
    assert trial_of(workspace).num_objects in (0, 4)  # it may have been closed between two objects


def test_a_click_puts_a_trial_off_and_nothing_is_kept_of_it(workspace: Workspace) -> None:
    true = draw_discs(workspace, 2)
    asked: list[Question] = []

    def ask(question: Question) -> Guesses:
        asked.append(question)
        return (true[0],)

    assert try_pointing(workspace, ask, should_stop=lambda: len(asked) == 2) == 0
    assert trial_of(workspace) == PointingTrial()
    assert try_pointing(workspace, ask) == 1


def test_no_answer_is_no_verdict(workspace: Workspace) -> None:
    true = draw_discs(workspace, 2)

    def ask(_: Question) -> Guesses:
        raise NoAnswerError("gone")

    with pytest.raises(NoAnswerError):
        try_pointing(workspace, ask)
    assert try_pointing(workspace, lambda _: (true[0],)) == 1


def test_a_process_that_is_closed_while_it_answers_lets_go(workspace: Workspace) -> None:
    process = PointingProcess(workspace)
    errors: list[PointingError] = []

    def ask() -> None:
        try:
            process(question_at(workspace, 3, (50.0, 50.0), category_id=1, taken=[]))
        except PointingError as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while process.pid is None:
        time.sleep(0.01)
    process.close()
    asking.join(PATIENCE_S)
    assert not asking.is_alive()
    assert [type(error) for error in errors] == [NoAnswerError]
    assert process.pid is None


def trial_of(workspace: Workspace) -> PointingTrial:
    with workspace.database.read() as tx:
        return pointing_trial(tx)


def test_it_pays_where_the_click_and_what_follows_take_less_than_drawing() -> None:
    costs = Costs(accept_s=1.0, fix_s=4.0, draw_s=7.0, point_s=1.9)
    often = PointingTrial(num_objects=15, num_right=8, num_near=3)  # and five elsewhere
    again = 6 / 20 * 1.0 + 1 / 20 * 1.0  # the first guess is turned down, one next guess is right
    in_vain = 5 / 20 * (1.0 + 7.0)  # the next one is turned down too
    seconds = often.seconds_per_object(costs)
    assert seconds == pytest.approx(1.9 + 10 / 20 * 1.0 + 4 / 20 * 4.0 + again + in_vain)
    assert often.pays(costs)
    lucky = replace(often, num_right_again=2, num_near_again=1)
    saved = 2 / 20 * (8.0 - 1.0) + 1 / 20 * (8.0 - 4.0)
    assert lucky.seconds_per_object(costs) == pytest.approx(seconds - saved)
    assert not PointingTrial(num_objects=20, num_right=1, num_near=1).pays(costs)


def test_as_long_as_nobody_tried_it_here_it_is_worth_a_try() -> None:
    assert PointingTrial().pays(Costs())
    assert PointingTrial(num_objects=2).pays(Costs())
    assert not PointingTrial(num_objects=8).pays(Costs())


def test_an_object_without_a_proposal_is_priced_by_the_quicker_way(workspace: Workspace) -> None:
    true = draw_discs(workspace, 2)
    with workspace.database.read() as tx:
        untried = cheapest_costs(tx)
        assert Costs().accept_s < untried.draw_s < Costs().draw_s

    def ask(question: Question) -> Guesses:
        return (min(true, key=lambda box: math.dist(middle(box), question.point)),)

    try_pointing(workspace, ask)
    with workspace.database.read() as tx:
        assert cheapest_costs(tx).draw_s < untried.draw_s
