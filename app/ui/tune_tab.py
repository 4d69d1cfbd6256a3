"""Tune: what is labelled, the run as it goes, the bundles, and pre-labelling with one of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import gradio as gr
import pandas as pd

import sdpt_engine
from app.advising import effort_report
from app.bundles import BEST, ZERO_SHOT, adopt_bundle, list_bundles
from app.inference import DEFAULT_MIN_SCORE, PredictRequest, enqueue_predict
from app.liveness import live_workers
from app.readiness import readiness
from app.review_queue import num_waiting
from app.settings import choose_backbone
from app.staleness import stale_bundles
from app.tuning import HELD_OUT_FRACTION, TuneRequest, enqueue_tune
from app.ui import markup
from app.ui.job_view import JobView, described, looked_at
from app.ui.messages import announce, telling
from app.workspace import Workspace
from sdpt_engine.types import TuneConfig
from storage import jobs
from storage.types import Bundle, BundleKind, JobKind

_LOOK_EVERY_S = 1.0


def tune_tab(workspace: Workspace, tab: gr.Tab) -> None:
    """Build the tab's contents inside the current block."""
    usual = sdpt_engine.usual_config(choose_backbone(workspace).name)
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            labelled = gr.HTML(lambda: _labelled(workspace), elem_id="tune-labelled")
            hint = gr.HTML(lambda: _hint(workspace), elem_id="tune-hint")
            with gr.Row():
                start = gr.Button("Tune", variant="primary", elem_id="tune-start", min_width=90)
                cancel = gr.Button("Cancel", elem_id="tune-cancel", interactive=False, min_width=90)
            then = gr.Checkbox(
                True,
                label="Then pre-label the images left",
                info="As soon as the new prompt is adopted",
                elem_id="tune-then-prelabel",
            )
            numbers = _advanced(usual)
            state_text = gr.HTML(elem_id="tune-state")
        with gr.Column(scale=3, min_width=380):
            with gr.Row():
                loss = gr.LinePlot(_frame("loss", ()), x="step", y="loss", title="Loss", height=210)
                score = gr.LinePlot(
                    _frame("AP50", ()),
                    x="step",
                    y="AP50",
                    y_lim=[0.0, 1.0],
                    title="Held-out AP50, prompt alone",
                    elem_id="tune-score",
                    height=210,
                )
            table = gr.HTML(lambda: _bundle_table(workspace), elem_id="bundle-table")
            with gr.Row(elem_classes="sdpt-form"):
                chosen = gr.Dropdown(
                    _choices(workspace), value=BEST, label="Bundle", elem_id="bundle-chosen"
                )
                adopt = gr.Button("Adopt it", elem_id="bundle-adopt", min_width=80)
                floor = gr.Slider(
                    0.0, 0.9, DEFAULT_MIN_SCORE, step=0.05, label="Lowest score", min_width=190
                )
            with gr.Row():
                prelabel = gr.Button("Pre-label", variant="primary", elem_id="prelabel-start")
                stop = gr.Button("Cancel", elem_id="prelabel-cancel", interactive=False)
            prelabel_text = gr.HTML(elem_id="prelabel-state")
    tuning, predicting = gr.State(JobView()), gr.State(JobView())
    timer = gr.Timer(_LOOK_EVERY_S)

    def look(before: JobView, before_predict: JobView) -> list[Any]:
        return _looked(workspace, before, before_predict)

    shown = [
        *(tuning, state_text, loss, score, start, cancel),
        *(predicting, prelabel_text, prelabel, stop, labelled, hint, table, chosen),
    ]
    timer.tick(look, [tuning, predicting], shown, show_progress="hidden", queue=False)
    tab.select(
        lambda seen: (*_overview(workspace), _predicted(workspace, seen)),
        inputs=predicting,
        outputs=[labelled, hint, table, prelabel_text],
        show_progress="hidden",
    )

    @telling
    def on_tune(
        prelabels: bool,
        least: float,
        steps: float | None,
        tokens: float | None,
        seed: float | None,
        share: float | None,
    ) -> None:
        request = TuneRequest(
            steps=_unless_usual(steps, usual.steps),
            num_tokens=_unless_usual(tokens, usual.prompt.num_tokens),
            seed=usual.seed if seed is None else int(seed),
            val_fraction=HELD_OUT_FRACTION if share is None else share,
            prelabels=prelabels,
            min_score=float(least),
        )
        enqueue_tune(workspace, request, datetime.now(UTC))

    @telling
    def on_prelabel(which: str, least: float) -> None:
        request = PredictRequest(bundle=which, min_score=float(least))
        enqueue_predict(workspace, request, datetime.now(UTC))

    @telling
    def on_adopt(which: str) -> tuple[str, Any]:
        if not which.isdecimal():
            gr.Info("Choose one of the tuned bundles to adopt.")
        else:
            adopt_bundle(workspace, int(which), datetime.now(UTC))
        return _bundle_table(workspace), gr.update(choices=_choices(workspace))

    start.click(on_tune, [then, floor, *numbers])
    prelabel.click(on_prelabel, [chosen, floor])
    adopt.click(on_adopt, chosen, [table, chosen])
    cancel.click(telling(lambda: _cancel(workspace, JobKind.TUNE)))
    stop.click(telling(lambda: _cancel(workspace, JobKind.PREDICT)))
    prelabel_text.change(fn=None, js=announce("proposals"))


def _unless_usual(found: float | None, usual: int) -> int | None:
    """None for an emptied field, and for what stood there by itself: the backbone may be another by now."""
    return None if found is None or found == usual else int(found)


def _advanced(usual: TuneConfig) -> list[Any]:
    with gr.Accordion("Advanced", open=False, elem_id="tune-advanced"), gr.Row():
        return [
            gr.Number(
                usual.steps,
                label="Steps of each prompt",
                precision=0,
                minimum=1,
                elem_id="tune-steps",
            ),
            gr.Number(usual.prompt.num_tokens, label="Tokens", precision=0, minimum=0, maximum=128),
            gr.Number(usual.seed, label="Seed", precision=0, minimum=0),
            gr.Number(HELD_OUT_FRACTION, label="Held out", minimum=0.05, maximum=0.9, step=0.05),
        ]


def _looked(workspace: Workspace, before: JobView, before_predict: JobView) -> list[Any]:
    """New values for what has changed, and nothing for what has not: a quiet page."""
    view = looked_at(workspace, before, JobKind.TUNE)
    predict = looked_at(workspace, before_predict, JobKind.PREDICT)
    has_worker = bool(live_workers(workspace))
    out: list[Any] = [gr.skip()] * 14
    if view != before or view.is_active:
        out[0:2] = [view, described(view, has_worker=has_worker)]
        out[4] = gr.update(interactive=not view.is_active)
        out[5] = gr.update(interactive=view.is_active)
    if view.losses != before.losses:
        out[2] = _frame("loss", view.losses)
    if view.scores != before.scores:
        out[3] = _frame("AP50", view.scores)
    if predict != before_predict or predict.is_active:
        out[6:8] = [predict, _predicted(workspace, predict)]
        out[8] = gr.update(interactive=not predict.is_active)
        out[9] = gr.update(interactive=predict.is_active)
    has_ended = (view.is_active, predict.is_active) != (before.is_active, before_predict.is_active)
    is_first_look = before.job is None and view.job is not None
    if has_ended or is_first_look:
        out[10:14] = [*_overview(workspace), gr.update(choices=_choices(workspace))]
    return out


def _overview(workspace: Workspace) -> tuple[str, str, str]:
    return _labelled(workspace), _hint(workspace), _bundle_table(workspace)


def _predicted(workspace: Workspace, view: JobView) -> str:
    waiting = None
    if view.job is not None and not view.is_active:
        with workspace.database.read() as tx:
            waiting = num_waiting(tx)
    return described(view, has_worker=bool(live_workers(workspace)), waiting=waiting)


def _labelled(workspace: Workspace) -> str:
    state = readiness(workspace)
    rows = [
        [item.category.name, str(item.num_boxes), str(item.num_images), item.missing or "good"]
        for item in state.classes
    ]
    sentence = (
        f"Ready: {state.num_images} labelled images." if state.is_ready else " ".join(state.missing)
    )
    parts = markup.table(["Class", "Boxes", "Images", ""], rows, numbers=(1, 2)) if rows else ""
    return parts + markup.progress(sentence)


def _hint(workspace: Workspace) -> str:
    """Whether to tune now, and why."""
    return markup.progress(effort_report(workspace).advice.reason)


def _bundle_table(workspace: Workspace) -> str:
    known = [b for b in list_bundles(workspace) if b.kind is BundleKind.TUNED]
    if not known:
        return markup.progress("No tuned bundle yet. Each run adds one, judged on held-out images.")
    stale = stale_bundles(workspace)
    rows = [
        [
            bundle.name,
            _share(bundle, "zero_shot"),
            _share(bundle, "tuned"),
            str(bundle.steps),
            f"{bundle.trainable_parameters:,}",
            "in use" if bundle.adopted_at is not None else "",
            "stale: its prompt texts have changed" if bundle.id in stale else "",
        ]
        for bundle in reversed(known)
    ]
    in_use = [index for index, row in enumerate(rows) if row[-2]]
    headers = ["Bundle", "AP50 zero-shot", "AP50 tuned", "Steps", "Parameters", "", ""]
    return markup.table(headers, rows, numbers=(1, 2, 3, 4), in_use=in_use)


def _share(bundle: Bundle, part: str) -> str:
    value = bundle.metrics.get(part, {}).get("ap50")
    return "n/a" if value is None else f"{value:.1%}"


def _choices(workspace: Workspace) -> list[tuple[str, str]]:
    tuned = [b for b in list_bundles(workspace) if b.kind is BundleKind.TUNED]
    return [
        ("best", BEST),
        ("zero-shot", ZERO_SHOT),
        *((bundle.name, str(bundle.id)) for bundle in reversed(tuned)),
    ]


def _frame(name: str, points: tuple[tuple[int, float], ...]) -> pd.DataFrame:
    return pd.DataFrame(points, columns=["step", name]).astype({"step": int, name: float})


def _cancel(workspace: Workspace, kind: JobKind) -> None:
    with workspace.database.write() as tx:
        for job in jobs.active(tx):
            if job.kind is kind:
                jobs.ask_cancel(tx, job.id, datetime.now(UTC))
