"""Which labels a Tune learns from and which judge it, and which bundle knows which of them."""

from __future__ import annotations

from pathlib import Path

from app.learnt import PROMPT_OF_JOBS, known_to, labels_of, learnt_from
from app.snapshot import LabelledImage, split
from app.tuning import TuneRequest, enqueue_tune
from app.workspace import Workspace
from storage import bundles
from storage.types import Bundle, BundleKind
from tests.app.blood_cells import blood_cells, now

BOX = (0.0, 0.0, 9.0, 9.0)


def _labelled(number: int) -> list[LabelledImage]:
    return [LabelledImage(f"{n:03d}.png", (BOX,), (1,), is_exhaustive=True) for n in range(number)]


def _held_out(number: int, *, seed: int = 0) -> set[str]:
    _, held_out = split(_labelled(number), seed=seed, held_out_share=0.3)
    return {item.relative_path for item in held_out}


def test_who_was_held_out_is_held_out_again_when_more_is_labelled() -> None:
    before, after = _held_out(40), _held_out(60)
    assert (len(before), len(after)) == (12, 18)
    new = {f"{n:03d}.png" for n in range(40, 60)}
    assert len(after - new - before) <= 2


def test_another_seed_holds_out_others() -> None:
    assert _held_out(40) != _held_out(40, seed=1)


def test_a_class_keeps_an_image_to_learn_from() -> None:
    rare = LabelledImage("rare.png", (BOX,), (2,), is_exhaustive=True)
    for seed in range(10):
        train, _ = split([*_labelled(9), rare], seed=seed, held_out_share=0.5)
        assert rare in train


def _bundle(workspace: Workspace, *, seed: int, prompt_of_jobs: tuple[int, ...] = ()) -> Bundle:
    job = enqueue_tune(workspace, TuneRequest(seed=seed), now())
    with workspace.database.write() as tx:
        return bundles.create(
            tx,
            name=f"tuned-{job.id}",
            kind=BundleKind.TUNED,
            folder="bundles/some",
            backbone="nano",
            backbone_digest="0" * 64,
            metrics={PROMPT_OF_JOBS: list(prompt_of_jobs)},
            job_id=job.id,
            at=now(),
        )


def test_a_bundle_knows_what_taught_it_what_judged_it_and_what_taught_the_prompt_that_it_took_over(
    tmp_path: Path,
) -> None:
    with blood_cells(tmp_path, num_images=8, num_labelled=7) as workspace:
        first = _bundle(workspace, seed=0)
        assert first.job_id is not None
        second = _bundle(workspace, seed=1, prompt_of_jobs=(first.job_id,))
        first_labels = labels_of(workspace, first)
        assert first_labels is not None
        taught_first = {item.relative_path for item in first_labels.train}
        assert learnt_from(workspace, first) == taught_first
        assert learnt_from(workspace, second) > taught_first
        assert known_to(workspace, first) > taught_first
        assert len(known_to(workspace, first)) == 7
