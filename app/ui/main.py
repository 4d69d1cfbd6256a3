"""The page: its tabs, in the order of the work."""

from __future__ import annotations

import gradio as gr

from app.fiftyone.service import FiftyOneService
from app.settings import Settings, choose_backbone
from app.ui.canvas.component import STATIC_URL, canvas
from app.ui.export_tab import export_tab
from app.ui.fiftyone_tab import fiftyone_tab
from app.ui.history_tab import history_tab
from app.ui.messages import announce
from app.ui.project_tab import project_tab
from app.ui.review_tab import review_tab
from app.ui.tune_tab import tune_tab
from app.workspace import Workspace

TITLE = "sdpt-app"
# The first tab, keys from tab to tab, and a keyboard focus that is not lost; see page.js.
_START_PAGE = """() => {
  import(new URL('%(url)s/page.js', window.location.href).href).then((page) => page.start());
}"""


def build_blocks(workspace: Workspace, settings: Settings, fiftyone: FiftyOneService) -> gr.Blocks:
    """The tabs of one workspace. Nothing of them holds state: all of it is in the database."""
    backbone = choose_backbone(workspace)
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as blocks:
        with gr.Tabs(elem_id="sdpt-tabs"):
            with gr.Tab("Project", id="project") as project:
                project_tab(workspace, backbone, project)
            with gr.Tab("Label", id="label") as label:
                canvas("label", elem_id="label-canvas")
            with gr.Tab("Tune", id="tune") as tune:
                tune_tab(workspace, tune)
            with gr.Tab("Review", id="review") as review:
                review_tab()
            with gr.Tab("FiftyOne", id="fiftyone") as whole_set:
                fiftyone_tab(workspace, fiftyone, whole_set)
            with gr.Tab("History", id="history"):
                history_tab()
            with gr.Tab("Export", id="export"):
                export_tab(workspace)
        for tab in (label, review):
            tab.select(fn=None, js=announce("all"))
        blocks.load(fn=None, js=_START_PAGE % {"url": STATIC_URL})
    return blocks
