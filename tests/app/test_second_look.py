"""A detector without a prompt looks at its boxes again as long as the images that are done do not speak against it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from app.classes import add_class
from app.following import follow, result_of
from app.inference import PredictRequest, enqueue_predict
from app.ingest import ingest
from app.labelling import CreateBox, apply_edits, set_reviewed
from app.progress import ignore_progress
from app.settings import choose_backbone
from app.workspace import Workspace, open_workspace
from storage import bundles, categories, images
from storage.types import BundleKind
from tests.app.blood_cells import now
from tests.engine.second_look.scenes import SIZE_WH, discs, grown

NUM_PICTURES, NUM_DONE = 5, 4


def _pictures_of_discs(folder: Path) -> Workspace:
    (folder / "images").mkdir()
    for seed in range(NUM_PICTURES):
        Image.fromarray(discs(seed)[0]).save(folder / "images" / f"{seed}.png")
    workspace = open_workspace(folder / "images")
    ingest(workspace)
    add_class(workspace, "disc")
    choose_backbone(workspace, "nano")
    return workspace


def _prelabel(workspace: Workspace) -> None:
    job = enqueue_predict(workspace, PredictRequest(bundle="zero-shot"), now())
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
