"""The full loop: what the app advises is done, and what it holds back is not shown. (prototype of evidence)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.advice import Situation, Step, Tuning as AdvTuning, advise
from app.bench.effort.arms import Attempt
from app.bench.effort.desk import show_none
from app.bundles import BEST, load_predictor, resolve_bundle
from app.convert import new_predictions
from app.inference import PredictRequest
from app.job_context import job_dir
from app.measuring import HeldOut, measure
from app.queueing import (
    Calibration, Costs, Order, Proposal, calibrate, order_images, paying_threshold, seconds_per_object,
)
from app.readiness import readiness
from app.snapshot import SNAPSHOT_NAME, collect_labelled, read_snapshot
from storage import annotations, predictions
from storage.types import Verdict
import os, sys


def full_loop(a: Attempt) -> None:
    desk, ws, ids = a.desk, a.desk.workspace, a.class_ids
    costs = Costs()
    evidence = HeldOut()
    tunings: list[AdvTuning] = []
    bundle_id: int | None = None
    fresh = False
    thresholds: dict[int, float] = {}
    help_s = None
    while desk.remaining:
        with ws.database.read() as tx:
            labelled = collect_labelled(tx)
        boxes = sum(len(l.boxes) for l in labelled)
        per_class = {c: sum(c in l.category_ids for l in labelled) for c in ids}
        now = Situation(
            num_images_left=len(desk.remaining),
            num_images_done=len(desk.truth) - len(desk.remaining),
            objects_per_image=boxes / max(1, len(labelled)),
            num_labelled_images=len(labelled),
            num_labelled_boxes=boxes,
            least_images_per_class=min(per_class.values()),
            by_hand_s=costs.draw_s,
            help_s=help_s,
            tunings=tuple(tunings),
            has_fresh_proposals=fresh,
        )
        advice = advise(now)
        if advice.step is Step.TUNE and not readiness(ws).missing:
            result = a.tune()
            kept = bool(result["adopted"])
            if kept:
                bundle_id = int(result["bundle"])
                evidence = _held_out(a, result)
                fresh = True
            calib = calibrate(evidence)
            t = {c: paying_threshold(calib, c, costs) for c in ids}
            thresholds = {c: (2.0 if v is None else v) for c, v in t.items()}
            spo = seconds_per_object(evidence, thresholds, costs)
            help_s = spo
            tunings.append(AdvTuning(len(labelled), boxes, spo, kept))
            if os.environ.get("LOOPLOG"):
                print("tune", len(labelled), kept, "ap50", a.tunings[-1].ap50, "spo", spo, {k: round(v, 2) for k, v in thresholds.items()}, advice.reason, file=sys.stderr)
            continue
        if not fresh:
            desk.finish(desk.remaining[0], is_shown=show_none)
            continue
        calib = calibrate(evidence)
        thresholds = {c: (2.0 if (v := paying_threshold(calib, c, costs)) is None else v) for c in ids}
        help_s = seconds_per_object(evidence, thresholds, costs)
        with ws.database.read() as tx:
            stored = {i: predictions.for_image(tx, i, bundle_id=bundle_id) for i in desk.remaining}
        shown = [
            Proposal(p.id, i, p.category_id, p.score, tuple(v / s for v, s in zip(p.box, desk.truth[i].size_wh * 2)))
            for i, ps in stored.items() for p in ps if p.score >= thresholds[p.category_id]
        ]
        ranked = order_images(shown, Order.SECONDS_SAVED, calibration=calib, costs=costs)
        image_id = ranked[0].image_id if ranked else desk.remaining[0]
        did = desk.finish(image_id, is_shown=lambda p: p["score"] >= thresholds[p["category_id"]])
        with ws.database.read() as tx:
            human = annotations.for_image(tx, image_id)
        evidence = evidence + measure(
            image_id, [(p.box, p.category_id, p.score) for p in stored[image_id]],
            [(b.box, b.category_id) for b in human], category_ids=ids,
        )


def _held_out(a: Attempt, result: Mapping[str, Any]) -> HeldOut:
    ws = a.desk.workspace
    bundle = resolve_bundle(ws, str(result["bundle"]))
    assert bundle is not None
    snap = read_snapshot(job_dir(ws, bundle.job_id or 0) / SNAPSHOT_NAME)
    predictor = load_predictor(ws, a.machine._get(), bundle, min_score=0.02)
    by_path = {t.path.name: i for i, t in a.desk.truth.items()}
    evidence = HeldOut()
    for item in snap.held_out:
        (found,) = predictor.predict([ws.image_path(item.relative_path)])
        evidence = evidence + measure(
            by_path[item.relative_path],
            [(p.box, p.category_id, p.score) for p in new_predictions(found, predictor.classes)],
            list(zip(item.boxes, item.category_ids)), category_ids=a.class_ids,
        )
    return evidence
