"""Review on real images with proposals of the real detector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from uuid import uuid4

import pytest

from app import audit, labelling, review, showing
from app.advice import Step
from app.advising import effort_report
from app.effort import Timed, record
from app.errors import InvalidEditError, NotReadyError
from app.evidence import evidence
from app.following import follow, result_of
from app.inference import PredictRequest, enqueue_predict
from app.progress import ignore_progress
from app.queueing import Order
from app.review_queue import NumWaiting, choose_order, num_waiting, queue, set_merging
from app.settings import choose_backbone
from app.snapshot import collect_labelled
from app.tuning import TuneRequest, enqueue_tune
from app.workspace import Workspace
from storage import annotations, categories, images, predictions, projects
from storage.boxes import intersection_over_union
from storage.types import ImageFilter, StoredPrediction
from tests.app.blood_cells import blood_cells, now


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with _prelabelled_smears(tmp_path, num_labelled=4) as made:
        yield made


def _prelabelled_smears(folder: Path, *, num_labelled: int) -> Workspace:
    """With every proposal of nano as it is shown."""
    made = blood_cells(folder, num_labelled=num_labelled)
    choose_backbone(made, "nano")
    prelabel(made, "zero-shot")
    show_from(made, 0.0)
    return made


def prelabel(workspace: Workspace, bundle: str) -> None:
    job = enqueue_predict(workspace, PredictRequest(bundle=bundle), now())
    result_of(follow(workspace, job.id, device="cpu", on_progress=ignore_progress))


def show_from(workspace: Workspace, score: float | None) -> None:
    with workspace.database.read() as tx:
        classes = [category.id for category in categories.list_all(tx)]
    showing.set_thresholds(workspace, dict.fromkeys(classes, score), now())


def shown_on(workspace: Workspace, image_id: int) -> list[StoredPrediction]:
    with workspace.database.read() as tx:
        return showing.shown_on(tx, image_id)


def a_proposal(workspace: Workspace) -> StoredPrediction:
    return shown_on(workspace, queue(workspace)[0].image_id)[0]


def done_images(workspace: Workspace) -> list[int]:
    with workspace.database.read() as tx:
        return images.list_ids(tx, state=ImageFilter.REVIEWED)


def test_a_threshold_filters_every_image_without_the_model(workspace: Workspace) -> None:
    before = [p.score for item in queue(workspace) for p in shown_on(workspace, item.image_id)]
    middle = median(before)
    show_from(workspace, middle)
    after = queue(workspace)

    assert 0 < sum(item.num_proposals for item in after) < len(before)
    assert all(p.score >= middle for item in after for p in shown_on(workspace, item.image_id))


def test_merging_hides_rows_and_gives_them_back(workspace: Workspace) -> None:
    merged = sum(item.num_proposals for item in queue(workspace))
    set_merging(workspace, merges_duplicates=False)

    assert sum(item.num_proposals for item in queue(workspace)) > merged


def test_prelabelling_measures_the_bundle_on_finished_images(workspace: Workspace) -> None:
    with workspace.database.read() as tx:
        bundle_id = projects.get(tx).prelabel_bundle_id
        assert bundle_id is not None
        found = evidence(tx, bundle_id)

    assert {image_id for image_id, _ in found.num_true} == set(done_images(workspace))
    assert sum(found.num_true.values()) == sum(len(i.boxes) for i in labelled(workspace))


def labelled(workspace: Workspace) -> list[object]:
    with workspace.database.read() as tx:
        return list(collect_labelled(tx))


def test_a_reviewed_image_becomes_evidence(workspace: Workspace) -> None:
    image_id = queue(workspace)[0].image_id
    review.accept_all(workspace, image_id, author="tester", at=now())
    labelling.set_reviewed(workspace, image_id, is_reviewed=True, at=now())
    with workspace.database.read() as tx:
        found = evidence(tx, a_proposal(workspace).bundle_id)

    mine = [p for p in found.proposals if p.image_id == image_id]
    assert any(p.iou == pytest.approx(1.0) for p in mine)


def test_orders_are_kept_and_refused_without_what_they_need(workspace: Workspace) -> None:
    choose_order(workspace, Order.MOST_OBJECTS)
    numbers = [item.num_proposals for item in queue(workspace)]

    assert numbers == sorted(numbers, reverse=True)
    with pytest.raises(InvalidEditError, match="needs a class"):
        choose_order(workspace, Order.ONE_CLASS, category_id=99)
    with pytest.raises(InvalidEditError, match="Nothing has been rejected"):
        choose_order(workspace, Order.LOOK_ALIKES)


def test_a_rejection_reaches_the_next_tune_and_every_later_bundle(workspace: Workspace) -> None:
    wrong = a_proposal(workspace)
    draw(workspace, wrong.image_id)
    review.reject(workspace, wrong.id, author="tester", at=now())
    with workspace.database.read() as tx:
        image = images.get(tx, wrong.image_id)
        (frozen,) = [i for i in collect_labelled(tx) if i.relative_path == image.relative_path]
    assert frozen.negatives == (wrong.box,)

    job = enqueue_tune(workspace, TuneRequest(steps=1), now())
    tuned = result_of(follow(workspace, job.id, device="cpu", on_progress=ignore_progress))
    prelabel(workspace, str(tuned["bundle"]))
    with workspace.database.read() as tx:
        found = predictions.for_image(tx, wrong.image_id, bundle_id=tuned["bundle"])
    assert found
    assert not [p for p in found if same_object(p, wrong)]


def same_object(a: StoredPrediction, b: StoredPrediction) -> bool:
    return a.category_id == b.category_id and intersection_over_union(a.box, b.box) >= 0.7


def draw(workspace: Workspace, image_id: int) -> None:
    with workspace.database.read() as tx:
        category_id = categories.list_all(tx)[0].id
    edit = labelling.CreateBox(uuid4().hex, (1.0, 1.0, 9.0, 9.0), category_id)
    labelling.apply_edits(workspace, image_id, [edit], author="tester", at=now())


def test_a_corrected_class_is_a_label_and_a_hard_negative(workspace: Workspace) -> None:
    wrong = a_proposal(workspace)
    with workspace.database.read() as tx:
        other = next(c.id for c in categories.list_all(tx) if c.id != wrong.category_id)
        path = images.get(tx, wrong.image_id).relative_path
    review.correct(
        workspace,
        wrong.id,
        uid="mended",
        box=wrong.box,
        category_id=other,
        author="tester",
        at=now(),
    )
    with workspace.database.read() as tx:
        (frozen,) = [item for item in collect_labelled(tx) if item.relative_path == path]

    assert (frozen.boxes, frozen.category_ids) == ((wrong.box,), (other,))
    assert (frozen.negatives, frozen.negative_category_ids) == ((wrong.box,), (wrong.category_id,))


def test_a_moved_box_is_no_negative_of_its_own_class(workspace: Workspace) -> None:
    proposal = a_proposal(workspace)
    x1, y1, x2, y2 = proposal.box
    review.correct(
        workspace,
        proposal.id,
        uid="moved",
        box=(x1, y1, x2 - 0.1 * (x2 - x1), y2),
        category_id=proposal.category_id,
        author="tester",
        at=now(),
    )
    with workspace.database.read() as tx:
        path = images.get(tx, proposal.image_id).relative_path
        (frozen,) = [item for item in collect_labelled(tx) if item.relative_path == path]

    assert frozen.negatives == ()


def test_an_audit_of_faultless_labels_finds_no_error(workspace: Workspace) -> None:
    begun = audit.start(workspace, num_images=3, seed=7, author="tester", at=now())
    for entry in begun.images:
        with workspace.database.read() as tx:
            truth = [(a.box, a.category_id) for a in annotations.for_image(tx, entry.image_id)]
        audit.submit(workspace, begun.id, entry.image_id, truth, at=now())
    finished = audit.newest(workspace)

    assert finished is not None
    assert finished.result is not None
    assert finished.result["any_error"]["value"] == 0.0
    assert finished.result["any_error"]["high"] > 0.0
    assert finished.result["num_images"] == 3


def test_an_audit_counts_what_the_labels_lack_and_believes_who_sees_both(
    workspace: Workspace,
) -> None:
    (entry,) = audit.start(workspace, num_images=1, seed=1, author="tester", at=now()).images
    with workspace.database.read() as tx:
        truth = [(a.box, a.category_id) for a in annotations.for_image(tx, entry.image_id)]
    extra = ((0.0, 0.0, 3.0, 3.0), truth[0][1])
    found = audit.submit(workspace, 1, entry.image_id, [*truth, extra], at=now())
    settled = audit.settle_image(workspace, 1, entry.image_id, [0], at=now())

    assert [d.kind.value for d in found.differences] == ["missed"]
    assert settled.differences == ()
    assert settled.num_objects == len(truth)


def test_a_label_mended_after_the_audit_does_not_hide_its_error(workspace: Workspace) -> None:
    (entry,) = audit.start(workspace, num_images=1, seed=1, author="tester", at=now()).images
    first = audit.submit(workspace, 1, entry.image_id, [], at=now())
    with workspace.database.write() as tx:
        for box in annotations.for_image(tx, entry.image_id):
            annotations.delete(tx, box.uid, author="tester", at=now())
    again = audit.submit(workspace, 1, entry.image_id, [], at=now())

    assert len(again.differences) == len(first.differences) > 0


def test_an_audit_needs_finished_images_and_refuses_strange_boxes(tmp_path: Path) -> None:
    with blood_cells(tmp_path, num_labelled=1) as sparse:
        begun = audit.start(sparse, seed=1, author="tester", at=now())
        with pytest.raises(InvalidEditError, match="must lie in its image"):
            audit.submit(sparse, 1, begun.images[0].image_id, [((-5, 0, 5, 5), 1)], at=now())
        labelling.set_reviewed(sparse, begun.images[0].image_id, is_reviewed=False, at=now())
        with pytest.raises(NotReadyError, match="nothing to audit"):
            audit.start(sparse, seed=1, author="tester", at=now())


def test_the_meter_counts_a_repeated_message_once_and_caps_pauses(workspace: Workspace) -> None:
    helped, by_hand = queue(workspace)[0].image_id, done_images(workspace)[0]
    timed = [
        Timed("a", by_hand, "drawn", 6.0),
        Timed("b", by_hand, "drawn", 900.0),
        Timed("c", helped, "accepted", 1.5),
        Timed("d", helped, "done", 0.5, num_boxes=0),
    ]
    for _ in range(2):
        record(workspace, timed, author="tester", at=now())
    found = effort_report(workspace).meter

    assert (found.by_hand_s, found.with_help_s) == (18.0, 2.0)
    assert found.with_help_image_s == 2.0
    assert found.by_hand_image_s is None


def test_boxes_that_were_pointed_at_do_not_make_drawing_look_cheap(workspace: Workspace) -> None:
    image_id = done_images(workspace)[0]
    drawn = [Timed(f"d{n}", image_id, "drawn", 8.0) for n in range(10)]
    pointed = [Timed(f"p{n}", image_id, "pointed", 2.0) for n in range(30)]
    record(workspace, [*drawn, *pointed], author="tester", at=now())
    assert effort_report(workspace).costs.draw_s == 8.0


def test_the_advice_names_the_labels_that_a_first_tune_lacks(tmp_path: Path) -> None:
    with _prelabelled_smears(tmp_path, num_labelled=2) as workspace:
        report = effort_report(workspace)

    assert report.situation.num_labelled_images == 2
    assert report.advice.step is Step.LABEL
    assert "2 images are labelled, and a first Tune pays from 3 images on" in report.advice.reason
    assert [point.num_images for point in report.curve] == [0]
    assert report.curve[0].seconds_per_object is not None


def test_what_waits_is_counted_as_it_is_shown(workspace: Workspace) -> None:
    with workspace.database.read() as tx:
        all_of_them = num_waiting(tx)
    listed = [shown_on(workspace, item.image_id) for item in queue(workspace)]
    show_from(workspace, 1.0)
    with workspace.database.read() as tx:
        none_of_them = num_waiting(tx)

    assert all_of_them == NumWaiting(sum(map(len, listed)), len(listed))
    assert none_of_them == NumWaiting(0, 0)
