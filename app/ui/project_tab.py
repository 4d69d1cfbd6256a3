"""Project: what is in the folder, which detector is used, and the classes."""

from __future__ import annotations

import gradio as gr

from app.ingest import ingest
from app.review_queue import num_waiting
from app.settings import BackboneChoice
from app.ui import markup
from app.ui.messages import announce, telling
from app.ui.panels.component import panel
from app.workspace import Workspace
from storage import images
from storage.counts import counts

_MOST_PROBLEMS = 200


def project_tab(workspace: Workspace, backbone: BackboneChoice, tab: gr.Tab) -> None:
    """Build the tab's contents inside the current block."""
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            overview = gr.HTML(lambda: _overview(workspace, backbone), elem_id="project-overview")
            rescan = gr.Button("Look for new images", size="sm", elem_id="project-rescan")
        with gr.Column(scale=3, min_width=640):
            panel("classes", elem_id="class-list")

    tab.select(lambda: _overview(workspace, backbone), outputs=overview, show_progress="hidden")

    @telling
    def look_again(progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008  Gradio's own idiom
        report = ingest(workspace, on_progress=lambda n, total: progress((n, total)))
        gr.Info(report.sentence or "Nothing has changed in the folder.")
        return _overview(workspace, backbone)

    rescan.click(look_again, outputs=overview).then(fn=None, js=announce("images"))


def _overview(workspace: Workspace, backbone: BackboneChoice) -> str:
    with workspace.database.read() as tx:
        number = counts(tx)
        waiting = num_waiting(tx)
        problems = images.list_problems(tx)
    parts = [
        markup.table(
            ["Folder", str(workspace.data_dir)],
            [["Detector", f"{backbone.name}: {backbone.reason}"]],
        ),
        markup.figures(
            [
                ("images", number.total),
                ("labelled", number.labelled),
                ("done", number.reviewed),
                ("boxes", number.human + number.accepted),
                ("proposals waiting", waiting.num_proposals),
            ]
        ),
    ]
    if number.missing:
        parts.append(markup.progress(f"{number.missing} known images are missing; boxes are kept."))
    if problems:
        rows = [[p.relative_path, p.reason] for p in problems[:_MOST_PROBLEMS]]
        parts.append(markup.table([f"{len(problems)} files could not be used", "Why"], rows))
    return "".join(parts)
