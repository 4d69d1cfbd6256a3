"""The canvas as a Gradio component: an empty element that our browser modules fill.

Why own code: the libraries at hand (Konva; Annotorious on OpenSeadragon) draw and drag rectangles, but what this
tool stands on lies above that (proposals with verdicts, a save queue that survives a crash, undo per image, one
keyboard), and they would add 150 kB to 1 MB that has to be vendored. The drawing itself needs an <img> moved by
CSS and one 2D canvas, about 250 lines, with float boxes and 500 of them in well under a frame.

Nothing of a user passes through Gradio: the modules talk to /sdpt/api and put text into the page as text only.
After a change was saved they dispatch the CustomEvent 'sdpt:changed' on window, detail {source: 'canvas', kinds,
image_id}; dispatched by others (without that source) it makes a canvas load its lists again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import gradio as gr

STATIC_URL = "/sdpt/static/canvas"
STATIC_DIR = Path(__file__).parent / "static"

_ON_LOAD = """
const host = element.querySelector('.sdpt-canvas') ?? element;
import(new URL('%(url)s/main.js', window.location.href).href)
  .then((canvas) => canvas.mount(host, { mode: host.dataset.mode }))
  .catch((error) => { host.textContent = 'The canvas could not be loaded: ' + error.message; });
"""


def canvas(mode: Literal["label", "review"], *, elem_id: str) -> gr.HTML:
    """An empty element for the canvas, to be called within a block.

    `mode` is 'label' (any image, by filter) or 'review' (images with proposals, least certain first).
    """
    return gr.HTML(
        "",
        html_template=f'<div class="sdpt-canvas" data-mode="{mode}"></div>',
        js_on_load=_ON_LOAD % {"url": STATIC_URL},
        head=f'<link rel="stylesheet" href="{STATIC_URL}/canvas.css">',
        apply_default_css=False,
        padding=False,
        elem_id=elem_id,
    )
