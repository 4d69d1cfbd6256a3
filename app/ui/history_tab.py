"""History: who did what, what changed since, and going back."""

from __future__ import annotations

import gradio as gr

from app.ui.panels.component import panel


def history_tab() -> gr.HTML:
    """Build the tab's contents inside the current block."""
    return panel("history", elem_id="history-panel")
