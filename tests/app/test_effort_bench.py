"""The simulated annotator on real images, through the real application functions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from app.bench.effort.checking import check_audits
from app.bench.effort.desk import Desk
from app.bench.effort.person import Person, Shown, best_match
from app.bench.effort.times import SOURCES, Actions, TimeModel
from app.bench.effort.truth import TrueObject, TruthSet, class_ids, empty_workspace, load_truth
from app.errors import NotReadyError, SettingsError
from app.importing import import_coco
from app.labelling import image_document
from app.pointing.question import Ask, Question
from app.workspace import Workspace
from storage import annotations, images
from storage.boxes import intersection_over_union
from storage.types import Box, ImageFilter
from tests.app.blood_cells import SAMPLES, now

CAREFUL = Person(overlooks=0.0, lets_through=0.0)
NUM_IMAGES = 3


@pytest.fixture
def truth() -> TruthSet:
    return load_truth(SAMPLES, most_images=NUM_IMAGES, seed=0)


@pytest.fixture
def desk(truth: TruthSet, tmp_path: Path) -> Iterator[Desk]:
    with empty_workspace(truth, tmp_path, backbone="nano") as (workspace, by_id):
        yield at_desk(workspace, by_id, truth)


def at_desk(workspace: Workspace, by_id: Any, truth: TruthSet, person: Person = CAREFUL) -> Desk:
    return Desk(
        workspace,
        by_id,
        class_ids=class_ids(workspace, truth),
        person=person,
        times=TimeModel(),
    )


def propose(
    desk: Desk, truth: TruthSet, folder: Path, *, shift: float = 0.0, names: int = 1
) -> None:
    """Proposals at the true boxes, each moved to the right by a share of its width, under so many names."""
    document: dict[str, Any] = {
        "images": [
            {"id": i, "file_name": t.path.name, "width": t.size_wh[0], "height": t.size_wh[1]}
            for i, t in desk.truth.items()
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(truth.classes)],
        "annotations": [],
    }
    for image_id, image in desk.truth.items():
        for true in image.objects:
            x1, y1, x2, y2 = true.box
            left = min(x1 + shift * (x2 - x1), image.size_wh[0] - 2.0)
            right = min(x2 + shift * (x2 - x1), image.size_wh[0])
            for other in range(names):
                label = (true.label + other) % len(truth.classes)
                found = {"id": len(document["annotations"]) + 1, "image_id": image_id}
                found |= {"score": 0.9 - 0.1 * other, "category_id": label}
                found |= {"bbox": [left, y1, right - left, y2 - y1]}
                document["annotations"].append(found)
    path = folder / "proposals.json"
    path.write_text(json.dumps(document))
    import_coco(desk.workspace, path, as_human=False, author="tester", at=now())


def overlaps_with_truth(desk: Desk, ids: tuple[int, ...]) -> list[float]:
    with desk.workspace.database.read() as tx:
        boxes = annotations.for_images(tx, list(desk.truth))
    return [
        max(
            (
                intersection_over_union(a.box, true.box)
                for a in boxes[image_id]
                if a.category_id == ids[true.label]
            ),
            default=0.0,
        )
        for image_id, image in desk.truth.items()
        for true in image.objects
    ]


def test_every_second_has_a_source() -> None:
    assert SOURCES.keys() == {field.name for field in fields(TimeModel)}


def test_actions_add_up_to_seconds() -> None:
    done = Actions(looks=2, draws=1) + Actions(looks=1, accepts=3, fixes=1, rejects=2)
    assert done.seconds(TimeModel()) == 3 * 1.5 + 7.0 + 3 * 1.0 + 4.0 + 2 * 1.0
    assert done.boxes == 5
    assert done.untouched == 0.6


def test_pointing_costs_a_click_and_what_follows() -> None:
    done = Actions(points=3, taken=1, mended=1, draws=1)
    assert done.seconds(TimeModel()) == pytest.approx(3 * 1.9 + 1.0 + 4.0 + (1.0 + 7.0))
    assert (done.boxes, done.in_vain) == (3, 1)
    assert (done + Actions(agains=1)).seconds(TimeModel()) == done.seconds(TimeModel()) + 1.0


def test_one_edge_costs_a_verdict_and_a_quarter_of_a_drawing() -> None:
    done = Actions(edges=1, points=1, edged=1)
    assert done.seconds(TimeModel()) == pytest.approx(2 * (1.0 + 7.0 / 4) + 1.9)
    assert (done.boxes, done.corrected, done.pointed) == (2, 1, 1)


def test_one_edge_is_brought_where_that_is_enough(truth: TruthSet) -> None:
    image = truth.images[0]
    x1, y1, x2, y2 = image.objects[0].box
    wide, high = x2 - x1, y2 - y1
    short = (x1, y1, x2 - 0.4 * wide, y2)
    mended = CAREFUL.bring_edge(image, 0, short)
    assert mended is not None
    assert mended[:2] == (x1, y1)
    assert intersection_over_union(mended, image.objects[0].box) >= 0.75
    assert CAREFUL.bring_edge(image, 0, (x1 + 0.3 * wide, y1, x2, y2 - 0.3 * high)) is None


def test_a_right_box_of_another_class_costs_a_verdict_and_a_key() -> None:
    done = Actions(renames=2)
    assert done.seconds(TimeModel()) == pytest.approx(2 * (1.0 + 1.35 + 0.28), abs=0.1)
    assert done.boxes == 2


def nearest_in(truth: TruthSet, *, wrong: tuple[Box, ...] = ()) -> Ask:
    """The true box, of whatever image, whose middle is nearest to the click; `wrong` ones before it."""

    def ask(question: Question) -> tuple[Box, ...]:
        boxes = (true.box for image in truth.images for true in image.objects)
        return (*wrong, min(boxes, key=lambda box: math.dist(question.point, middle(box))))

    return ask


def middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def test_the_next_guess_is_asked_for_before_an_object_is_drawn(desk: Desk, truth: TruthSet) -> None:
    desk.answers = nearest_in(truth, wrong=((0.0, 0.0, 2.0, 2.0),))
    desk.finish_all(desk.remaining, points=True)
    assert desk.actions.agains == desk.actions.points
    assert desk.actions.taken > 0.6 * truth.num_objects


def test_who_points_draws_only_what_is_not_found(desk: Desk, truth: TruthSet) -> None:
    desk.answers = nearest_in(truth)
    desk.finish_all(desk.remaining, points=True)
    assert desk.actions.draws < 0.4 * truth.num_objects  # some lie nearer to those of another image
    assert desk.actions.taken > 0.6 * truth.num_objects
    assert min(overlaps_with_truth(desk, desk.class_ids)) >= 0.75


def test_who_points_in_vain_goes_back_to_drawing(desk: Desk, truth: TruthSet) -> None:
    desk.answers = lambda _: ((0.0, 0.0, 9.0, 9.0),)
    desk.finish_all(desk.remaining, points=True)
    assert 0 < desk.actions.points < 12 < truth.num_objects


def test_seconds_below_zero_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"'fix_s'.*-1"):
        TimeModel(fix_s=-1.0)


def test_a_person_draws_as_exactly_as_people_were_measured_to(truth: TruthSet) -> None:
    overlaps = [
        intersection_over_union(CAREFUL.draw(image, index), true.box)
        for image in truth.images
        for index, true in enumerate(image.objects)
    ]
    assert min(overlaps) >= CAREFUL.accept_iou
    assert mean(overlaps) == pytest.approx(0.88, abs=0.02)


def test_a_person_draws_the_same_box_whatever_the_way_of_working(truth: TruthSet) -> None:
    image = truth.images[0]
    assert Person(seed=3).draw(image, 1) == Person(seed=3).draw(image, 1)
    assert Person(seed=3).draw(image, 1) != Person(seed=4).draw(image, 1)


@pytest.mark.parametrize(
    ("box", "label", "expected"),
    [
        ((0, 0, 100, 90), 0, (True, True)),  # good enough to stay
        ((0, 0, 100, 60), 0, (False, True)),  # loose
        ((0, 0, 100, 100), 1, (True, False)),  # another class
        ((0, 0, 100, 60), 1, (False, False)),  # loose and another class
        ((0, 0, 100, 40), 0, None),  # of no use
    ],
)
def test_a_proposal_is_accepted_renamed_corrected_or_of_no_use(
    box: Box, label: int, expected: tuple[bool, bool] | None
) -> None:
    true = {0: TrueObject((0.0, 0.0, 100.0, 100.0), 0)}
    match = best_match(CAREFUL, [Shown(1, box, label)], true)
    assert (None if match is None else (match.is_placed, match.is_named)) == expected


def test_what_can_stay_is_taken_before_what_must_be_mended() -> None:
    true = {0: TrueObject((0.0, 0.0, 100.0, 100.0), 0)}
    loose, right = Shown(1, (0.0, 0.0, 100.0, 60.0), 0), Shown(2, (0.0, 0.0, 100.0, 80.0), 0)
    match = best_match(CAREFUL, [loose, right], true)
    assert match is not None
    assert match.proposal == right


def test_by_hand_every_object_gets_a_box_and_every_image_is_done(
    desk: Desk, truth: TruthSet
) -> None:
    desk.finish_all(desk.remaining, is_by_hand=True)
    assert desk.actions == Actions(looks=NUM_IMAGES, draws=truth.num_objects)
    assert min(overlaps_with_truth(desk, class_ids(desk.workspace, truth))) >= 0.75
    with desk.workspace.database.read() as tx:
        assert images.count(tx, ImageFilter.UNREVIEWED) == 0
    assert desk.remaining == []


def test_perfect_proposals_cost_one_key_each(desk: Desk, truth: TruthSet, tmp_path: Path) -> None:
    propose(desk, truth, tmp_path)
    desk.finish_all(desk.remaining)
    assert desk.actions.untouched > 0.9  # the app hides a proposal over a box of its class
    assert desk.actions.turned_down == 0
    assert min(overlaps_with_truth(desk, class_ids(desk.workspace, truth))) >= 0.75


def test_loose_proposals_are_corrected(desk: Desk, truth: TruthSet, tmp_path: Path) -> None:
    propose(desk, truth, tmp_path, shift=0.25)
    desk.finish_all(desk.remaining)
    assert desk.actions.fixes > desk.actions.draws
    assert min(overlaps_with_truth(desk, class_ids(desk.workspace, truth))) >= 0.75


def test_useless_proposals_are_rejected_and_the_quality_is_the_same(
    desk: Desk, truth: TruthSet, tmp_path: Path
) -> None:
    propose(desk, truth, tmp_path, shift=3.0)
    desk.finish_all(desk.remaining)
    most_keys = len(truth.images) * len(truth.classes)  # one may come to light behind another class
    assert 0 < desk.actions.rejects <= most_keys
    assert desk.actions.turned_down > desk.actions.rejects
    assert min(overlaps_with_truth(desk, class_ids(desk.workspace, truth))) >= 0.75


def test_what_comes_to_light_behind_a_wrong_one_takes_a_key_more(
    desk: Desk, truth: TruthSet, tmp_path: Path
) -> None:
    propose(desk, truth, tmp_path, shift=3.0, names=2)
    desk.finish_all(desk.remaining)
    assert desk.actions.rejects > len(truth.images)
    for image_id in desk.truth:
        assert image_document(desk.workspace, image_id)["proposals"] == []


def test_one_key_turns_down_all_that_is_left() -> None:
    done = Actions(rejects=1, swept=3)
    assert done.seconds(TimeModel()) == 1.0
    assert done.turned_down == 4


def test_the_audit_finds_what_was_overlooked(truth: TruthSet, tmp_path: Path) -> None:
    hasty = Person(overlooks=0.3)
    with empty_workspace(truth, tmp_path, backbone="nano") as (workspace, by_id):
        desk = at_desk(workspace, by_id, truth, hasty)
        desk.finish_all(desk.remaining, is_by_hand=True)
        found = check_audits(desk, auditor=CAREFUL, num_audits=20)
    assert found.true == 1 - desk.actions.draws / truth.num_objects
    assert found.value is not None
    assert found.value > 0.0
    assert found.num_audits == 20


def test_a_folder_without_a_coco_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match=r"train\.json"):
        load_truth(tmp_path, most_images=None, seed=0)
