"""FiftyOne's Brain on real images: the worker embeds and measures with nano, the mirror's part answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.bench.duplicates import Measured, centred
from app.errors import NotReadyError
from app.fiftyone.asking import QUESTIONS, ask
from app.fiftyone.brain_jobs import run_waiting_brain_job
from app.fiftyone.embedding import read_embeddings
from app.heartbeat import StopSignal
from app.importing import import_coco
from app.ingest import ingest
from app.progress import ignore_progress
from app.settings import choose_backbone
from app.worker import work_off
from app.workspace import Workspace, open_workspace
from storage import images, jobs
from storage.fiftyone_bridge import brain
from storage.fiftyone_bridge.bridge import Bridge
from storage.fiftyone_bridge.fields import EMBEDDING
from storage.fiftyone_bridge.push import push
from storage.types import ImageFilter, Job, JobKind, JobStatus
from tests.app.samples import copy_images, write_labels

NUM_IMAGES = 6
NUM_LABELLED = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """A pushed project whose worker does its part when it is asked to."""

    workspace: Workspace
    bridge: Bridge

    def answer(self, question: str) -> str:
        job = ask(self.workspace, question, datetime.now(UTC))
        assert run_waiting_brain_job(self.workspace, self.bridge, StopSignal()) is None
        before = job.spec["after_job"]
        done = work_off(
            self.workspace, before, device="cpu", stop=StopSignal(), on_progress=ignore_progress
        )
        assert done is not None
        assert done.status is JobStatus.SUCCEEDED, done.error_text
        answered = run_waiting_brain_job(self.workspace, self.bridge, StopSignal())
        assert answered is not None
        assert answered.result is not None, answered.error_text
        return str(answered.result["sentence"])


@pytest.fixture(scope="module")
def asked(mongo: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("brain")
    data = copy_images(folder / "images", NUM_IMAGES)
    with closing(open_workspace(data)) as workspace:
        ingest(workspace)
        choose_backbone(workspace, "nano")
        labels = write_labels(folder / "labels.json", NUM_LABELLED)
        import_coco(workspace, labels, as_human=True, author="t", at=datetime.now(UTC))
        made = Asked(workspace, Bridge.open(f"brain-{folder.name}", data))
        push(workspace.database, made.bridge, seconds_per_verdict=2.0)
        yield made


def test_what_to_label_next_becomes_a_filter_in_label(asked: Asked) -> None:
    assert "3 images wait in Label" in asked.answer("uniqueness")
    with asked.workspace.database.read() as tx:
        listed = images.list_ids(tx, state=ImageFilter.SUGGESTED)
        labelled = images.list_ids(tx, state=ImageFilter.LABELLED)
    assert len(listed) == NUM_IMAGES - NUM_LABELLED
    assert not set(listed) & set(labelled)
    scores = dict(zip(*asked.bridge.dataset.values(["image_id", "uniqueness"]), strict=True))
    assert listed == sorted(listed, key=lambda image_id: -scores[image_id])


def test_images_can_be_sorted_by_similarity(asked: Asked) -> None:
    asked.answer("similarity")
    dataset = asked.bridge.dataset
    assert {brain.SIMILARITY_KEY, brain.MAP_KEY} <= set(dataset.list_brain_runs())
    first = dataset.first().id
    nearest = dataset.sort_by_similarity(first, brain_key=brain.SIMILARITY_KEY, k=2)
    assert nearest.first().id == first


def test_duplicates_are_tagged_and_shown_beside_each_other(asked: Asked) -> None:
    sentence = asked.answer("duplicates")
    tagged = asked.bridge.dataset.match_tags(brain.DUPLICATE_TAG).count()
    assert sentence.startswith(f"{tagged} images look like another one")
    assert brain.DUPLICATES_VIEW in asked.bridge.dataset.list_saved_views()


def test_the_bench_finds_what_fiftyone_finds_at_each_distance(asked: Asked) -> None:
    import fiftyone.brain as fob

    asked.answer("duplicates")
    view = asked.bridge.dataset.exists(EMBEDDING)
    unit = centred(np.stack(view.values(EMBEDDING)).astype(np.float64))
    ours = Measured("smears", "train", 1.0 - unit @ unit.T, {})
    index = fob.compute_similarity(view, embeddings=EMBEDDING, backend="sklearn")
    tried = np.sort(ours.between[np.triu_indices(NUM_IMAGES, 1)]) + 1e-4
    for distance in tried:
        index.find_duplicates(thresh=distance)
        assert len(index.duplicate_ids) == ours.num_false(distance)
    assert ours.num_false(tried[0]) == 1


def test_bundles_are_measured_on_held_out_boxes(asked: Asked) -> None:
    assert "zero_shot mAP" in asked.answer("evaluation")
    results = asked.bridge.dataset.load_evaluation_results("eval_check_zero_shot")
    assert set(results.classes) >= {"red blood cell"}


def test_mistakes_are_looked_for_with_a_bundle(asked: Asked) -> None:
    assert "judged by zero_shot on 3 labelled images" in asked.answer("mistakenness")
    values = asked.bridge.dataset.values("mistakenness")
    assert sum(value is not None for value in values) == NUM_LABELLED


def test_vectors_are_made_once_and_of_length_one(asked: Asked) -> None:
    asked.answer("similarity")
    vectors = read_embeddings(asked.workspace).vectors
    assert len(vectors) == NUM_IMAGES
    assert [float((v**2).sum()) for v in vectors.values()] == pytest.approx([1.0] * NUM_IMAGES)
    with asked.workspace.database.read() as tx:
        newest: Job = jobs.recent(tx, limit=1, kind=JobKind.EMBED)[0]
    assert newest.result is not None
    assert newest.result["images"] == 0


def test_a_question_is_not_asked_twice_at_once(asked: Asked, tmp_path: Path) -> None:
    first = ask(asked.workspace, "duplicates", datetime.now(UTC))
    with pytest.raises(NotReadyError, match=QUESTIONS["duplicates"].title):
        ask(asked.workspace, "duplicates", datetime.now(UTC))
    with asked.workspace.database.write() as tx:
        jobs.ask_cancel(tx, first.id, datetime.now(UTC))
