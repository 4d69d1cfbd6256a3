"""The jobs that a worker would run, run here: same queue, same claim, same functions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

import sdpt_engine
from app.bench.effort.truth import TrueImage
from app.detectors import DetectorCache
from app.following import result_of
from app.heartbeat import LEASE_S, StopSignal
from app.inference import PredictRequest, enqueue_predict
from app.performing import perform
from app.tuning import TuneRequest, enqueue_tune
from app.workspace import Workspace
from sdpt_engine.bench.damage import damage
from sdpt_engine.types import Prediction
from storage import jobs, predictions

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector

_WORKER = "effort"


@dataclass(frozen=True, slots=True)
class TuneRun:
    """One press of Tune: after how many finished images, whether its prompt was adopted, and AP50 after it.

    `ap50` is that of the prompt in use on the images that are still to do, which no tuning has seen.
    """

    num_images: int
    is_adopted: bool
    ap50: float | None
    machine_s: float


class Machine:
    """Runs jobs of one workspace and adds up their seconds; `damaged` is the share for `bench.damage`."""

    def __init__(self, workspace: Workspace, *, device: str, damaged: float) -> None:
        self._workspace = workspace
        self._detectors = DetectorCache(workspace, device)
        self._damaged = damaged
        self._detector: Detector | None = None
        self.seconds = 0.0

    def tune(self, request: TuneRequest) -> Mapping[str, Any]:
        """The result of the job, after the pre-labelling that follows it. Raises NotReadyError, JobFailedError."""
        result = self._work_off(enqueue_tune(self._workspace, request, datetime.now(UTC)).id)
        if result["prelabel_job"] is not None:
            self._work_off(result["prelabel_job"])
        return result

    def prelabel(self, request: PredictRequest) -> Mapping[str, Any]:
        """The result of the job. Raises JobFailedError."""
        return self._work_off(enqueue_predict(self._workspace, request, datetime.now(UTC)).id)

    def _work_off(self, job_id: int) -> Mapping[str, Any]:
        began = time.monotonic()
        with self._workspace.database.job_write() as tx:
            claim = jobs.claim(
                tx, worker=_WORKER, lease_s=LEASE_S, at=datetime.now(UTC), job_id=job_id
            )
        assert claim is not None, "nobody else works in this workspace"
        done = perform(self._workspace, claim, detector=self._get, stop=StopSignal())
        self.seconds += time.monotonic() - began
        return result_of(done)

    def _get(self) -> Detector:
        if self._detector is None:
            self._detector = damage(self._detectors.get(), self._damaged)
        return self._detector


def ap50_of_proposals(
    workspace: Workspace,
    bundle_id: int,
    truth: Mapping[int, TrueImage],
    *,
    class_ids: Sequence[int],
) -> float | None:
    """AP50 of what a bundle proposes on these images, None without any image."""
    if not truth:
        return None
    with workspace.database.read() as tx:
        stored = {i: predictions.for_image(tx, i, bundle_id=bundle_id) for i in truth}
    found = [
        Prediction(
            np.array([p.box for p in stored[i]], np.float32).reshape(-1, 4),
            np.array([p.score for p in stored[i]], np.float32),
            np.array([class_ids.index(p.category_id) for p in stored[i]], np.int64),
            image.size_wh,
        )
        for i, image in truth.items()
    ]
    true = [
        (
            np.array([o.box for o in image.objects], np.float32).reshape(-1, 4),
            np.array([o.label for o in image.objects], np.int64),
        )
        for image in truth.values()
    ]
    names = [str(class_id) for class_id in class_ids]
    return sdpt_engine.evaluate(found, true, names).ap50
