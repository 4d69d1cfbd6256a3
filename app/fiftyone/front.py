"""FiftyOne's own server, behind the gate of our app and with our eyes on what it sends.

As it comes, it sends any file that the process can read to whoever names its path. Here it answers to this
machine's names and to its own pages only, and the only pictures it sends are those of the project, as our app
shows them: upright, and as a copy where the browser cannot show the format.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError
from app.liveness import is_running
from app.media import full_image
from app.security import Gate, SecurityMiddleware
from app.workspace import Workspace
from storage import images

HOST = "127.0.0.1"
_ONLY_FROM_HERE = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: ws:"
_FOR_A_DAY = "private, max-age=86400"


def serve_front(workspace: Workspace, *, port: int, parent_pid: int | None) -> None:
    """Serve until SIGTERM, or until the app is gone."""
    os.environ["FIFTYONE_SERVER"] = "1"
    os.environ.pop("FIFTYONE_DISABLE_SERVICES", None)
    from fiftyone.server.app import app
    from fiftyone.server.events import set_port
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    set_port(port)
    config = Config()
    config.bind = [f"{HOST}:{port}"]
    config.accesslog = None
    guarded: Any = SecurityMiddleware(OnlyOurPictures(app, workspace), Gate(HOST, port, None))

    async def run() -> None:
        await serve(guarded, config, shutdown_trigger=_ending(parent_pid))

    asyncio.run(run())


class OnlyOurPictures:
    """Answers /media itself, by the project's list of images."""

    def __init__(self, app: ASGIApp, workspace: Workspace) -> None:
        self._app, self._workspace = app, workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/media":
            await self._app(scope, receive, _staying_here(send))
            return
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("filepath", [""])[0]
        response = await run_in_threadpool(self._picture, asked)
        await response(scope, receive, send)

    def _picture(self, asked: str) -> Response:
        path = Path(asked)
        if not path.is_relative_to(self._workspace.data_dir):
            return PlainTextResponse("This is no image of the project.", status_code=404)
        relative = path.relative_to(self._workspace.data_dir).as_posix()
        with self._workspace.database.read() as tx:
            image = images.by_path(tx, relative)
        if image is None:
            return PlainTextResponse("This is no image of the project.", status_code=404)
        try:
            media = full_image(self._workspace, image)
        except AppError as error:  # the file is gone, or leads outside the folder
            return PlainTextResponse(str(error), status_code=404)
        return FileResponse(
            media.path, media_type=media.media_type, headers={"cache-control": _FOR_A_DAY}
        )


def _staying_here(send: Send) -> Send:
    """FiftyOne's page asks for fonts elsewhere; the browser is told to load nothing but from here."""

    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["content-security-policy"] = _ONLY_FROM_HERE
        await send(message)

    return send_with_policy


def _ending(parent_pid: int | None) -> Any:
    """What hypercorn waits for: a signal, or the death of the app that started us."""

    async def wait() -> None:
        is_over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, is_over.set)
        while not is_over.is_set():
            if parent_pid is not None and not is_running(parent_pid):
                return
            try:
                await asyncio.wait_for(is_over.wait(), timeout=1.0)
            except TimeoutError:
                continue

    return wait
