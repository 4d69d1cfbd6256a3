"""Boxes are looked at again: unless done images speak against it, and after a Tune where held-out images gain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import sdpt_engine
from app.classes import add_class
from app.comparison import compare
from app.convert import example, object_classes
from app.following import follow, result_of
from app.inference import PredictRequest, enqueue_predict
from app.ingest import ingest
from app.labelling import CreateBox, apply_edits, set_reviewed
from app.learnt import learnt_from
from app.progress import ignore_progress
from app.settings import choose_backbone
from app.snapshot import collect_labelled
from app.tuning import TuneRequest, enqueue_tune
from app.workspace import Workspace, open_workspace
from sdpt_engine.types import Prediction, TuneConfig
from storage import bundles, categories, images, jobs, predictions
from storage.boxes import intersection_over_union
from storage.types import BundleKind
from tests.app.blood_cells import now
from tests.engine.second_look.scenes import SIZE_WH, discs, discs_and_tiles, grown

NUM_PICTURES, NUM_DONE = 5, 4
NUM_OF_TWO = 9


def _pictures_of_discs(folder: Path) -> Workspace:
    (folder / "images").mkdir()
    for seed in range(NUM_PICTURES):
        Image.fromarray(discs(seed)[0]).save(folder / "images" / f"{seed}.png")
    workspace = open_workspace(folder / "images")
    ingest(workspace)
    add_class(workspace, "disc")
    choose_backbone(workspace, "nano")
    return workspace


def _prelabel(workspace: Workspace, bundle: str = "zero-shot") -> None:
    job = enqueue_predict(workspace, PredictRequest(bundle=bundle), now())
    result_of(follow(workspace, job.id, device="cpu", on_progress=ignore_progress))


def _looks_again(workspace: Workspace) -> bool:
    with workspace.database.read() as tx:
        (row,) = (b for b in bundles.list_all(tx) if b.kind is BundleKind.ZERO_SHOT)
    return bool(row.metrics.get("looks_again"))


def _draw(workspace: Workspace, *, wider_by: float) -> None:
    """Every disc of the first pictures, by a person who leaves a margin, and say that they are done."""
    with workspace.database.read() as tx:
        (disc,) = categories.list_all(tx)
        known = {int(Path(i.relative_path).stem): i.id for i in images.list_all(tx)}
    for seed in range(NUM_DONE):
        boxes = grown(discs(seed)[1], wider_by).clip(0, [*SIZE_WH, *SIZE_WH])
        edits = [
            CreateBox(f"{seed}-{n}", tuple(map(float, box)), disc.id) for n, box in enumerate(boxes)
        ]
        apply_edits(workspace, known[seed], edits, author="tester", at=now())
        set_reviewed(workspace, known[seed], is_reviewed=True, at=now())


def test_nano_looks_again_while_nothing_is_done(tmp_path: Path) -> None:
    with _pictures_of_discs(tmp_path) as workspace:
        _prelabel(workspace)
        assert _looks_again(workspace)


def test_who_draws_wide_margins_is_not_given_tight_boxes(tmp_path: Path) -> None:
    with _pictures_of_discs(tmp_path) as workspace:
        _draw(workspace, wider_by=0.3)
        _prelabel(workspace)
        assert not _looks_again(workspace)


def test_a_tune_learns_names_and_the_pre_labelling_that_follows_gives_them(tmp_path: Path) -> None:
    with _labelled_discs_and_tiles(tmp_path) as workspace:
        request = TuneRequest(steps=1, prelabels=True, min_score=0.1)
        job = enqueue_tune(workspace, request, now())
        result = result_of(follow(workspace, job.id, device="cpu", on_progress=ignore_progress))
        assert "the class of each box" in result["reason"]
        assert list(workspace.state_dir.glob("bundles/*/names.safetensors"))
        following = result["prelabel_job"]
        result_of(follow(workspace, following, device="cpu", on_progress=ignore_progress))
        with workspace.database.read() as tx:
            names = {c.id: c.name for c in categories.list_all(tx)}
            (left,) = (i for i in images.list_all(tx) if i.reviewed_at is None)
            found = predictions.for_image(tx, left.id, bundle_id=result["bundle"])
            assert jobs.get(tx, following).spec["min_score"] == 0.1
        _, boxes, labels = discs_and_tiles(NUM_OF_TWO)
        for box, label in zip(boxes.tolist(), labels, strict=True):
            best = next(p for p in found if intersection_over_union(p.box, tuple(box)) > 0.5)
            assert names[best.category_id] == ("thing", "other thing")[label]


def test_a_prompt_that_finds_more_than_the_new_one_stays_with_the_new_names(tmp_path: Path) -> None:
    with _labelled_discs_and_tiles(tmp_path) as workspace:
        job = enqueue_tune(workspace, TuneRequest(steps=1), now())
        first = result_of(follow(workspace, job.id, device="cpu", on_progress=ignore_progress))
        detector = sdpt_engine.load_detector("nano", device="cpu")
        with workspace.database.read() as tx:
            classes = object_classes(categories.list_all(tx))
            labelled = [example(workspace, item, classes) for item in collect_labelled(tx)]
            (bundle,) = (b for b in bundles.list_all(tx) if b.id == first["bundle"])
        known = {workspace.image_path(path) for path in learnt_from(workspace, bundle)}
        train = [item for item in labelled if item.image_path in known]
        held_out = [item for item in labelled if item.image_path not in known]
        config = TuneConfig(steps=1, batch_size=2)
        new = sdpt_engine.tune(detector, train, held_out, config, categories=classes)
        new = sdpt_engine.learn_names(detector, new, train)
        blind = tuple(replace(pair, prediction=_nothing()) for pair in new.judged)
        comparison = compare(workspace, detector, replace(new, judged=blind), classes=classes)
        assert comparison.is_better
        assert comparison.reused is not None
        assert comparison.reused.id == first["bundle"]
        assert comparison.result.bundle.names is new.bundle.names
        assert "once more" in comparison.reason


def _nothing() -> Prediction:
    none = np.zeros(0, np.float32)
    return Prediction(np.zeros((0, 4), np.float32), none, none.astype(np.int64), SIZE_WH)


def _labelled_discs_and_tiles(folder: Path) -> Workspace:
    """Pictures of discs and tiles under names that say nothing, all but the last of them labelled and done."""
    (folder / "images").mkdir()
    pictures = [discs_and_tiles(seed) for seed in range(NUM_OF_TWO + 1)]
    for seed, (pixels, _, _) in enumerate(pictures):
        Image.fromarray(pixels).save(folder / "images" / f"{seed}.png")
    workspace = open_workspace(folder / "images")
    ingest(workspace)
    ids = [add_class(workspace, name).id for name in ("thing", "other thing")]
    choose_backbone(workspace, "nano")
    with workspace.database.read() as tx:
        known = {int(Path(i.relative_path).stem): i.id for i in images.list_all(tx)}
    for seed, (_, boxes, labels) in enumerate(pictures[:-1]):
        edits = [
            CreateBox(f"{seed}-{n}", tuple(map(float, box)), ids[label])
            for n, (box, label) in enumerate(zip(boxes, labels, strict=True))
        ]
        apply_edits(workspace, known[seed], edits, author="tester", at=now())
        set_reviewed(workspace, known[seed], is_reviewed=True, at=now())
    return workspace
