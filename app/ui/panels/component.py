"""Panels as Gradio components: an empty element that a browser module fills, as the canvas is.

A list in which each line can be edited, moved, asked about and undone is what Gradio's forms cannot do. Nothing of a
user passes through Gradio: the modules talk to /sdpt/api and put text into the page as text only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import gradio as gr

STATIC_URL = "/sdpt/static/panels"
STATIC_DIR = Path(__file__).parent / "static"

_ON_LOAD = """
const host = element.querySelector('.sdpt-panel') ?? element;
import(new URL('%(url)s/%(name)s.js', window.location.href).href)
  .then((panel) => panel.mount(host))
  .catch((error) => { host.textContent = 'The panel could not be loaded: ' + error.message; });
"""


def panel(name: Literal["classes", "history"], *, elem_id: str) -> gr.HTML:
    """An empty element for the panel, to be called within a block."""
    return gr.HTML(
        "",
        html_template=f'<div class="sdpt-panel sdpt-panel-{name}"></div>',
        js_on_load=_ON_LOAD % {"url": STATIC_URL, "name": name},
        head=f'<link rel="stylesheet" href="{STATIC_URL}/panels.css">',
        apply_default_css=False,
        padding=False,
        elem_id=elem_id,
    )
