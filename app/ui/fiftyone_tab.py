"""FiftyOne: open it on the whole set, ask its Brain, and decide about boxes that were changed in both places."""

import re
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from app.errors import NotReadyError
from app.fiftyone.asking import QUESTIONS, ask
from app.fiftyone.service import FiftyOneService, Phase
from app.ui import markup
from app.ui.conflict_part import conflict_part
from app.ui.messages import telling
from app.workspace import Workspace
from storage import jobs
from storage.types import Job, JobKind, JobStatus

_LOOK_EVERY_S = 1.0
_ABOUT = (
    "The whole set in FiftyOne: filters, plots, bundles side by side. Verdicts and edits made there "
    "come back into this project. It runs on this machine only."
)


def fiftyone_tab(workspace: Workspace, service: FiftyOneService, tab: gr.Tab) -> None:
    """Build the tab's contents inside the current block."""
    timer = gr.Timer(_LOOK_EVERY_S)
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            gr.HTML(markup.progress(_ABOUT))
            with gr.Row():
                open_ = gr.Button(
                    "Open FiftyOne", variant="primary", elem_id="fiftyone-open", min_width=120
                )
                close = gr.Button("Close it", elem_id="fiftyone-close", min_width=90)
            state = gr.HTML(lambda: _state(service), elem_id="fiftyone-state")
            conflict_part(workspace, timer)
        with gr.Column(scale=2, min_width=320):
            gr.HTML(markup.progress("Ask FiftyOne's Brain, once FiftyOne is open."))
            buttons = [(key, _question(key)) for key in QUESTIONS]
            answers = gr.HTML(lambda: _answers(workspace), elem_id="brain-answers")

    def look(*old: str) -> list[Any]:
        new = [_state(service), _answers(workspace)]
        return [n if n != o else gr.skip() for n, o in zip(new, old, strict=True)]

    shown = [state, answers]
    timer.tick(look, shown, shown, show_progress="hidden", queue=False)

    @telling
    def on_open() -> str:
        service.start()
        return _state(service)

    @telling
    def on_close() -> str:
        service.stop()
        return _state(service)

    open_.click(on_open, outputs=state, show_progress="hidden")
    close.click(on_close, outputs=state, show_progress="hidden")
    for key, button in buttons:
        button.click(telling(_asker(workspace, service, key)), outputs=answers)
    tab.select(lambda: _state(service), outputs=state, show_progress="hidden")


def _question(key: str) -> gr.Button:
    with gr.Row(elem_classes="sdpt-ask"):
        button = gr.Button(
            QUESTIONS[key].title, elem_id=f"brain-{key}", min_width=170, scale=0, size="sm"
        )
        gr.HTML(markup.progress(QUESTIONS[key].about), min_width=120)
    return button


def _asker(workspace: Workspace, service: FiftyOneService, key: str) -> Any:
    def on_ask() -> str:
        if service.status.phase is not Phase.READY:
            raise NotReadyError("FiftyOne is not open yet: press Open FiftyOne first.")
        ask(workspace, key, datetime.now(UTC))
        return _answers(workspace)

    return on_ask


def _state(service: FiftyOneService) -> str:
    status, mirror = service.status, service.mirror
    if status.phase is Phase.FAILED:
        return markup.progress(status.sentence, is_bad=True)
    if status.phase is Phase.STARTING:
        total = mirror.get("total") or 0
        share = mirror.get("done", 0) / total if total else None
        return markup.progress(status.sentence, str(mirror.get("sentence") or ""), share=share)
    if status.phase is Phase.OFF or status.url is None:
        return markup.progress(status.sentence)
    parts = [
        markup.link(status.url, "Go to FiftyOne"),
        markup.figures(
            [
                ("images there", int(mirror.get("images", 0))),
                ("edits brought back", int(mirror.get("edits", 0))),
            ]
        ),
    ]
    if mirror.get("sentence"):
        parts.append(markup.progress(str(mirror["sentence"])))
    if status.note:
        parts.append(markup.progress(status.note))
    parts += [
        markup.progress(f"An edit in FiftyOne could not be taken: {text}", is_bad=True)
        for text in mirror.get("refused", [])[-3:]
    ]
    return "".join(parts)


def _answers(workspace: Workspace) -> str:
    """The newest answer to each question, or how far it is."""
    with workspace.database.read() as tx:
        asked = jobs.recent(tx, limit=50, kind=JobKind.BRAIN)
    newest: dict[str, Job] = {}
    for job in asked:
        newest.setdefault(str(job.spec["question"]), job)
    parts = [
        markup.progress(
            f"{QUESTIONS[key].title}: {_answer(job)}", is_bad=job.status is JobStatus.FAILED
        )
        for key, job in sorted(newest.items())
        if key in QUESTIONS
    ]
    return "".join(parts)


def _answer(job: Job) -> str:
    if job.status is JobStatus.SUCCEEDED:
        return str((job.result or {}).get("sentence", "done"))
    if job.status is JobStatus.FAILED:
        return re.sub(r"\s+", " ", job.error_text or "failed")
    if job.status is JobStatus.RUNNING and job.total_steps:
        return f"{job.step} of {job.total_steps}"
    return {JobStatus.QUEUED: "waiting", JobStatus.RUNNING: "at work"}.get(job.status, job.status)
