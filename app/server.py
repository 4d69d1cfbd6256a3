"""The web server: our routes and the Gradio pages in one FastAPI app, on one address."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import FrameType

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.errors import AppError
from app.fiftyone.errors import FiftyOneError
from app.fiftyone.service import FiftyOneService
from app.pointing.service import PointingService
from app.routes.browse import browse_router
from app.routes.classes import classes_router
from app.routes.fiftyone import fiftyone_router
from app.routes.history import history_router
from app.routes.images import images_router
from app.routes.labels import labels_router
from app.routes.login import login_router
from app.routes.notes import notes_router
from app.routes.pointing import pointing_router
from app.routes.problems import install_problem_handlers
from app.routes.review import review_router
from app.routes.review_audit import audit_router
from app.routes.review_effort import effort_router
from app.routes.review_grid import grid_router
from app.security import Gate, SecurityMiddleware
from app.settings import Settings, default_author
from app.supervisor import Supervisor
from app.ui.canvas import component as canvas
from app.ui.export_tab import exports_dir
from app.ui.main import build_blocks
from app.ui.panels import component as panels
from app.ui.theme import CSS, theme
from app.workspace import ServerLock, Workspace

_SHUTDOWN_S = 3


class AddressError(AppError):
    """The address to serve on is taken or cannot be used."""


class _Static(StaticFiles):
    """Files that the browser asks about each time: a new version must not meet an old half of itself."""

    def file_response(  # type: ignore[no-untyped-def,override]
        self, full_path: Path, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ):
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "no-cache"
        return response


def create_api(
    workspace: Workspace,
    settings: Settings,
    fiftyone: FiftyOneService | None = None,
    pointing: PointingService | None = None,
) -> FastAPI:
    """Our own routes, without the pages."""
    pointing = pointing or PointingService(workspace)
    gate = Gate.of(settings)
    author = settings.author or default_author()
    api = FastAPI(title="sdpt-app", docs_url=None, redoc_url=None, openapi_url=None)
    api.add_middleware(SecurityMiddleware, gate=gate)
    install_problem_handlers(api)
    for router in (
        login_router(gate),
        images_router(workspace),
        labels_router(workspace, author, on_done=pointing.on_done),
        pointing_router(workspace, pointing),
        review_router(workspace, author),
        grid_router(workspace, author),
        audit_router(workspace, author),
        effort_router(workspace, author),
        browse_router(workspace),
        classes_router(workspace, author),
        history_router(workspace, author),
        notes_router(workspace, author),
        fiftyone_router(workspace, fiftyone or fiftyone_service(workspace, settings), author),
    ):
        api.include_router(router)
    for module in (canvas, panels):
        name = module.STATIC_URL.rpartition("/")[2]
        api.mount(module.STATIC_URL, _Static(directory=module.STATIC_DIR), name=name)
    return api


def fiftyone_service(workspace: Workspace, settings: Settings) -> FiftyOneService:
    """FiftyOne, closed. It reaches this app by its address on this machine."""
    app_url = _url(settings.host, settings.port)
    return FiftyOneService(workspace, app_url=app_url, uri=settings.fiftyone_uri)


def create_app(
    workspace: Workspace,
    settings: Settings,
    fiftyone: FiftyOneService | None = None,
    pointing: PointingService | None = None,
) -> FastAPI:
    """The whole app: routes under /sdpt/, the Gradio pages at /."""
    # Before any Blocks is made, or Gradio would report to its makers.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    service = fiftyone or fiftyone_service(workspace, settings)
    api = create_api(workspace, settings, service, pointing)
    blocks = build_blocks(workspace, settings, service)
    mounted: FastAPI = gr.mount_gradio_app(
        api,
        blocks,
        path="/",
        show_error=True,
        footer_links=[],
        theme=theme(),
        css=CSS,
        allowed_paths=[str(exports_dir(workspace))],
    )
    return mounted


def serve(workspace: Workspace, settings: Settings, *, on_open: Callable[[str], None]) -> None:
    """Serve until interrupted; `on_open` hears the address.

    Raises AddressError and WorkspaceBusyError before anything is started.
    """
    with _listening(settings.host, settings.port) as listener:
        url = _url(settings.host, listener.getsockname()[1])
        with ServerLock(workspace).acquire(url):
            settings = _with_port(settings, listener)
            fiftyone = fiftyone_service(workspace, settings)
            pointing = PointingService(workspace)
            app = create_app(workspace, settings, fiftyone, pointing)
            with _terminated_in_order(), _worker(workspace, settings), fiftyone, closing(pointing):
                pointing.start_trials()
                if settings.opens_fiftyone:
                    _open_fiftyone(fiftyone)
                _Server(app, url, settings, on_open).run(sockets=[listener])


def _open_fiftyone(service: FiftyOneService) -> None:
    """The app is of use without it: what is missing is told in the tab and by whoever waits for it."""
    try:
        service.start()
    except FiftyOneError as error:
        service.fail(error)


class _Server(uvicorn.Server):
    def __init__(
        self, app: FastAPI, url: str, settings: Settings, on_open: Callable[[str], None]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                # Progress streams of open pages never end by themselves.
                timeout_graceful_shutdown=_SHUTDOWN_S,
                server_header=False,
            )
        )
        self._url = url
        self._opens_browser = settings.opens_browser
        self._on_open = on_open

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        self._on_open(self._url)
        if self._opens_browser:
            threading.Thread(target=webbrowser.open, args=(self._url,), daemon=True).start()


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A bound socket: between a check and a later bind another program could take the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, UnicodeError) as error:
        listener.close()
        raise AddressError(_unusable(host, port, error)) from error
    with listener:
        yield listener


def _unusable(host: str, port: int, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken by another program. Give a free one with --port, "
            "or --port 0 to let the system choose."
        )
    if number == errno.EACCES:
        return f"Port {port} on {host} may not be used without more rights. Give --port above 1023."
    return f"'{host}' is no address of this machine ({error}). Give --host 127.0.0.1."


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def _with_port(settings: Settings, listener: socket.socket) -> Settings:
    return replace(settings, port=listener.getsockname()[1])


def _worker(workspace: Workspace, settings: Settings) -> AbstractContextManager[object]:
    return Supervisor(workspace, settings) if settings.starts_worker else nullcontext()


@contextmanager
def _terminated_in_order() -> Iterator[None]:
    """uvicorn sends itself the signal again once it has stopped; the worker must still be stopped then."""

    def ignore(_signal: int, _frame: FrameType | None) -> None:
        return None

    before = {number: signal.signal(number, ignore) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
