"""Review: a bar that says what comes next, and the canvas with proposals below it."""

from __future__ import annotations

import gradio as gr

from app.ui.canvas.component import STATIC_URL, canvas

_ON_LOAD = """
const host = element.querySelector('.sdpt-review') ?? element;
import(new URL('%(url)s/review/main.js', window.location.href).href)
  .then((review) => review.mount(host))
  .catch((error) => { host.textContent = 'Review could not be loaded: ' + error.message; });
"""


def review_tab() -> None:
    """Build the tab's contents inside the current block; like the canvas it talks to /sdpt/api alone."""
    gr.HTML(
        "",
        html_template='<div class="sdpt-review"></div>',
        js_on_load=_ON_LOAD % {"url": STATIC_URL},
        head=f'<link rel="stylesheet" href="{STATIC_URL}/review/review.css">',
        apply_default_css=False,
        padding=False,
        elem_id="review-bar",
    )
    canvas("review", elem_id="review-canvas")
