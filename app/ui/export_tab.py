"""Export: the boxes as a file that other programs read."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from app.errors import OutputError
from app.exporting import export_coco, export_fiftyone, export_yolo
from app.ui import markup
from app.ui.messages import telling
from app.workspace import Workspace

COCO, YOLO, FIFTYONE = "COCO", "YOLO", "FiftyOne"
_EXPORTS = {COCO: export_coco, YOLO: export_yolo, FIFTYONE: export_fiftyone}
_ABOUT = (
    "Boxes that a person drew, accepted or corrected are written; images that are done and empty too. "
    "The same labels always give the same bytes."
)


def exports_dir(workspace: Workspace) -> Path:
    return workspace.state_dir / "exports"


def export_tab(workspace: Workspace) -> None:
    """Build the tab's contents inside the current block."""
    with gr.Column(elem_id="export-form"):
        gr.HTML(markup.progress(_ABOUT))
        format_ = gr.Radio(list(_EXPORTS), value=COCO, label="Format", elem_id="export-format")
        path = gr.Textbox(str(_default(workspace, COCO)), label="Write to", elem_id="export-path")
        with gr.Row(elem_classes="sdpt-form"):
            with_proposals = gr.Checkbox(False, label="Also take proposals that nobody has judged")
            least = gr.Slider(0.0, 1.0, 0.6, step=0.05, label="with a score of at least")
        run = gr.Button("Export", variant="primary", elem_id="export-run")
        result = gr.HTML(elem_id="export-result")
        download = gr.DownloadButton("Download", visible=False, elem_id="export-download")

    @telling
    def on_export(kind: str, target: str, is_with: bool, score: float) -> tuple[object, ...]:
        if not target.strip():
            raise OutputError("Give a file or folder to write to.")
        report = _EXPORTS[kind](workspace, Path(target), accept_above=score if is_with else None)
        text = f"Wrote {report.annotations} boxes on {report.images} images to {report.path}."
        can_send = report.path.is_file() and report.path.is_relative_to(exports_dir(workspace))
        link = gr.update(visible=can_send, value=str(report.path) if can_send else None)
        return markup.progress(text), link

    format_.input(lambda kind: str(_default(workspace, kind)), format_, path)
    run.click(on_export, [format_, path, with_proposals, least], [result, download])


def _default(workspace: Workspace, kind: str) -> Path:
    return exports_dir(workspace) / ("boxes.json" if kind == COCO else kind.lower())
