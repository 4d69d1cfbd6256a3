"""The canvas and its routes without the pages around them.

The same modules, routes and database as in the app, in front of a real browser; without the pages a server is there
in a second, which tests that start and kill it many times need. `test_canvas.py` has the whole app.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from app.ingest import ingest
from app.pointing.service import PointingService
from app.routes.browse import browse_router
from app.routes.images import images_router
from app.routes.labels import labels_router
from app.routes.notes import notes_router
from app.routes.pointing import pointing_router
from app.routes.problems import install_problem_handlers
from app.routes.review import review_router
from app.routes.review_effort import effort_router
from app.security import Gate, SecurityMiddleware
from app.settings import Settings
from app.workspace import open_workspace
from storage import categories
from tests.ui.conftest import Server, new_server

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "app" / "ui" / "canvas" / "static"
URL = "/sdpt/static/canvas"
PAGE = f"""<!doctype html><meta charset="utf-8"><title>canvas</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="{URL}/canvas.css"><body style="margin: 12px">
<button role="tab">Label</button>
<div id="label-canvas"><div class="sdpt-canvas" data-mode="label"></div></div>
<script type="module">
  import {{ mount }} from "{URL}/main.js";
  mount(document.querySelector(".sdpt-canvas"), {{ mode: "label" }});
</script>"""


@dataclass(slots=True)
class BareServer(Server):
    """Starts `main` below instead of the app."""

    def start(self, *, has_worker: bool = False) -> None:
        words = [sys.executable, "-m", "tests.ui.bare_canvas", str(self.data), str(self.port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                words, cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self.wait_until_it_answers()


def bare_server(folder: Path, *, num_images: int, classes: tuple[str, ...]) -> BareServer:
    """Not running yet, with smear-00.jpg (image 1) and so on; more may be put into its folder."""
    made = new_server(folder, num_images=num_images)
    for index, image in enumerate(sorted(made.data.iterdir())):
        image.rename(image.with_name(f"smear-{index:02d}.jpg"))
    with_classes(made.data, classes)
    return BareServer(made.folder, made.port)


def with_classes(data: Path, names: tuple[str, ...]) -> None:
    workspace = open_workspace(data)
    with workspace.database.write() as tx:
        for name in names:
            categories.add(tx, name)
    workspace.close()


def main(data: Path, port: int) -> None:
    workspace = open_workspace(data)
    ingest(workspace)
    api = FastAPI()
    gate = Gate.of(Settings(data_dir=data, port=port))
    api.add_middleware(SecurityMiddleware, gate=gate)
    install_problem_handlers(api)
    api.include_router(images_router(workspace))
    api.include_router(browse_router(workspace))
    for router in (review_router, effort_router, notes_router):
        api.include_router(router(workspace, "tester"))
    pointing = PointingService(workspace)
    api.include_router(labels_router(workspace, "tester", on_done=pointing.on_done))
    api.include_router(pointing_router(workspace, pointing))
    api.get("/", response_class=HTMLResponse)(lambda: PAGE)
    api.mount(URL, StaticFiles(directory=STATIC))
    uvicorn.run(api, port=port, log_level="warning", timeout_graceful_shutdown=3)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
