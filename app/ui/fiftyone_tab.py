"""FiftyOne: open it on the whole set, ask its Brain, and decide about boxes that were changed in both places."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from app.errors import NotReadyError
from app.fiftyone.asking import QUESTIONS, ask
from app.fiftyone.service import FiftyOneService, Phase
from app.settings import default_author
from app.ui import markup
from app.ui.messages import announce, telling
from app.workspace import Workspace
from storage import annotations, categories, conflicts, images, jobs
from storage.database import Transaction
from storage.types import Conflict, ConflictChoice, Job, JobKind, JobStatus

_LOOK_EVERY_S = 1.0
_ABOUT = (
    "The whole set in FiftyOne: filters, plots, bundles side by side. Verdicts and edits made there "
    "come back into this project. It runs on this machine only."
)
_CHOICES = (
    ("Keep the box of sdpt-app", ConflictChoice.HERE.value),
    ("Take the box of FiftyOne", ConflictChoice.THEIRS.value),
    ("Keep both", ConflictChoice.BOTH.value),
)


def fiftyone_tab(workspace: Workspace, service: FiftyOneService, tab: gr.Tab) -> None:
    """Build the tab's contents inside the current block."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            gr.HTML(markup.progress(_ABOUT))
            with gr.Row():
                open_ = gr.Button(
                    "Open FiftyOne", variant="primary", elem_id="fiftyone-open", min_width=120
                )
                close = gr.Button("Close it", elem_id="fiftyone-close", min_width=90)
            state = gr.HTML(lambda: _state(service), elem_id="fiftyone-state")
            waiting = gr.HTML(lambda: _conflict_table(workspace), elem_id="fiftyone-conflicts")
            with gr.Row(elem_classes="sdpt-form", visible=False) as decision:
                which = gr.Dropdown([], label="Changed in both places", elem_id="conflict-which")
                choice = gr.Radio(_CHOICES, value="here", label="Decide", elem_id="conflict-choice")
                settle = gr.Button("Decide", elem_id="conflict-settle", min_width=80)
        with gr.Column(scale=2, min_width=320):
            gr.HTML(markup.progress("Ask FiftyOne's Brain, once FiftyOne is open."))
            buttons = [(key, _question(key)) for key in QUESTIONS]
            answers = gr.HTML(lambda: _answers(workspace), elem_id="brain-answers")
    timer = gr.Timer(_LOOK_EVERY_S)

    def look(old_state: str, old_conflicts: str, old_answers: str) -> list[Any]:
        new = [_state(service), _conflict_table(workspace), _answers(workspace)]
        old = [old_state, old_conflicts, old_answers]
        out: list[Any] = [n if n != o else gr.skip() for n, o in zip(new, old, strict=True)]
        choices = _conflict_choices(workspace)
        is_changed = new[1] != old[1]
        return [
            *out,
            gr.update(visible=bool(choices)) if is_changed else gr.skip(),
            _dropdown(choices) if is_changed else gr.skip(),
        ]

    shown = [state, waiting, answers, decision, which]
    timer.tick(look, [state, waiting, answers], shown, show_progress="hidden", queue=False)

    @telling
    def on_open() -> str:
        service.start()
        return _state(service)

    @telling
    def on_close() -> str:
        service.stop()
        return _state(service)

    @telling
    def on_settle(text: str | None, chosen: str) -> list[Any]:
        if text is None:
            raise NotReadyError("Choose one of the boxes first.")
        author, at = default_author(), datetime.now(UTC)
        with workspace.database.write() as tx:
            conflicts.settle(tx, int(text), ConflictChoice(chosen), author=author, at=at)
        left = _conflict_choices(workspace)
        return [_conflict_table(workspace), gr.update(visible=bool(left)), _dropdown(left)]

    open_.click(on_open, outputs=state, show_progress="hidden")
    close.click(on_close, outputs=state, show_progress="hidden")
    settle.click(on_settle, [which, choice], [waiting, decision, which]).then(
        fn=None, js=announce("boxes")
    )
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


def _dropdown(choices: Sequence[tuple[str, str]]) -> Any:
    return gr.update(choices=list(choices), value=choices[0][1] if choices else None)


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


def _conflict_table(workspace: Workspace) -> str:
    with workspace.database.read() as tx:
        found = conflicts.list_open(tx)
        rows = [_conflict_row(tx, conflict) for conflict in found]
    if not rows:
        return ""
    title = f"{len(rows)} boxes were changed in both places; both versions are kept"
    return markup.progress(title, is_bad=True) + markup.table(["Image", "Here", "FiftyOne"], rows)


def _conflict_row(tx: Transaction, conflict: Conflict) -> list[str]:
    here = annotations.find(tx, conflict.annotation_uid)
    names = {c.id: c.name for c in categories.list_all(tx)}
    ours = "deleted" if here is None else _words(here.box, here.category_id, names)
    theirs = "deleted"
    if conflict.theirs is not None:
        theirs = _words(conflict.theirs["box"], conflict.theirs["category_id"], names)
    return [images.get(tx, conflict.image_id).relative_path, ours, theirs]


def _words(box: Sequence[float], category_id: int, names: dict[int, str]) -> str:
    x1, y1, x2, y2 = box
    size = f"{x2 - x1:.0f} × {y2 - y1:.0f} at {x1:.0f}, {y1:.0f}"
    return f"{names.get(category_id, 'a class that is gone')}, {size}"


def _conflict_choices(workspace: Workspace) -> list[tuple[str, str]]:
    with workspace.database.read() as tx:
        return [
            (f"{number}: {images.get(tx, c.image_id).relative_path}", str(c.id))
            for number, c in enumerate(conflicts.list_open(tx), start=1)
        ]


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
