"""The real server as a process, and a real Chromium in front of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.workspace import open_workspace
from storage import bundles, predictions, projects
from storage.types import BundleKind, NewPrediction
from tests.app.samples import run_json
from tests.ports import own_port

SAMPLES = Path(__file__).parents[2] / "assets" / "samples" / "bccd"
PATIENCE_S = 120
START_S = 240
SIZES = ((1440, 900), (1024, 768))


@dataclass(slots=True)
class Server:
    """A running app on a folder of images."""

    folder: Path
    port: int
    backbone: str = "nano"
    process: subprocess.Popen[bytes] | None = None
    foreign_requests: list[str] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "images"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, has_worker: bool = True) -> None:
        words = ["--data", str(self.data), "--backbone", self.backbone, "--no-browser"]
        words += ["--port", str(self.port)] + ([] if has_worker else ["--no-worker"])
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", *words], env=environment, stdout=log, stderr=log
            )
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_S
        while not self.answers():
            assert time.monotonic() < deadline, (self.folder / "server.log").read_text()
            time.sleep(0.2)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/sdpt/api/classes", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=180)  # with FiftyOne open, five processes end in order

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def cli(self, *words: str) -> dict[str, Any]:
        """By the command line in this process: one of its own costs seconds of imports."""
        document: dict[str, Any] = run_json(*words, "--data", self.data)
        return document

    def document(self, image_id: int) -> dict[str, Any]:
        """What is stored of an image, as the canvas gets it."""
        return self._ask(f"images/{image_id}/document")

    def boxes(self, image_id: int) -> list[list[float]]:
        return [found["box"] for found in self.document(image_id)["annotations"]]

    def edit(self, image_id: int, *edits: dict[str, Any]) -> None:
        """Somebody else changes boxes, from another page."""
        self._ask(f"images/{image_id}/edits", json.dumps({"edits": edits}).encode())

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {"content-type": "application/json", "x-sdpt": "test"}
        request = urllib.request.Request(f"{self.url}/sdpt/api/{path}", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


def propose(server: Server, image_id: int, *found: NewPrediction) -> None:
    """Proposals as a pre-label run leaves them."""
    now = datetime.now(UTC)
    with closing(open_workspace(server.data)) as workspace, workspace.database.write() as tx:
        bundle = bundles.find_by_name(tx, "test") or bundles.create(
            tx, name="test", kind=BundleKind.ZERO_SHOT, at=now
        )
        predictions.replace_for_image(
            tx, bundle_id=bundle.id, image_id=image_id, predictions=found, at=now
        )
        projects.set_prelabel_bundle(tx, bundle.id)


def new_server(folder: Path, *, num_images: int, backbone: str = "nano") -> Server:
    """Not running yet, with `num_images` blood smears."""
    (folder / "images").mkdir(parents=True)
    for source in sorted((SAMPLES / "images").iterdir())[:num_images]:
        shutil.copyfile(source, folder / "images" / source.name)
    return Server(folder, own_port(), backbone)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_S * 1000)
    system = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=system)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all tests of a file: the scripts of the page, megabytes, are loaded and compiled once."""
    made = browser.new_context()
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Iterator[Page]:
    opened = open_page(context, server)
    yield opened
    opened.close()


@pytest.fixture
def bare_page(browser: Browser, server: Server) -> Iterator[Page]:
    """The page of a `bare_canvas.BareServer`: a canvas and nothing around it."""
    opened = browser.new_page(viewport={"width": SIZES[0][0], "height": SIZES[0][1]})
    opened.goto(server.url)
    yield opened
    opened.close()


def open_page(context: BrowserContext, server: Server, size: tuple[int, int] = SIZES[0]) -> Page:
    """The app's page for somebody who was never here; requests that leave the machine are noted on the server."""
    page = context.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.set_default_timeout(PATIENCE_S * 1000)
    stored = {"origin": server.url, "storageTypes": "cookies,local_storage,indexeddb"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", stored)

    def note(url: str) -> None:
        if not url.startswith((server.url, "data:", "blob:", server.url.replace("http", "ws"))):
            server.foreign_requests.append(url)

    page.on("request", lambda request: note(request.url))
    page.on("websocket", lambda socket_: note(socket_.url))
    page.goto(server.url)
    page.locator("#class-list").wait_for()
    return page


def picture(page: Page, name: str) -> None:
    """A screenshot at both sizes, when SDPT_SCREENSHOTS names a folder."""
    folder = os.environ.get("SDPT_SCREENSHOTS")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    for width, height in reversed(SIZES):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(700)
        page.screenshot(path=f"{folder}/{name}-{width}x{height}.png")
