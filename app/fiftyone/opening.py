"""Asking a running app to open FiftyOne, and waiting until it is there."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable
from typing import Any

from app.fiftyone.errors import FiftyOneError
from app.fiftyone.service import Phase
from app.security import CUSTOM_HEADER
from app.workspace import ServerHolder, Workspace

_POLL_S = 0.5
_TIMEOUT_S = 10.0


def open_in_running_app(workspace: Workspace, holder: ServerHolder, *, opens_browser: bool) -> str:
    """Open FiftyOne in the app that serves the workspace; returns its address once it is ready."""
    _ask(f"{holder.url}/sdpt/api/fiftyone/open", is_change=True)
    url = _wait(holder.url)
    if opens_browser:
        webbrowser.open(url)
    return url


def open_when_ready(
    app_url: str,
    on_ready: Callable[[str], None],
    on_failure: Callable[[str], None],
    *,
    opens_browser: bool,
) -> None:
    """Like that, from beside the server that is just starting in this process."""

    def wait() -> None:
        try:
            url = _wait(app_url)
        except FiftyOneError as error:
            on_failure(str(error))
            return
        on_ready(url)
        if opens_browser:
            webbrowser.open(url)

    threading.Thread(target=wait, name="fiftyone-opening", daemon=True).start()


def _wait(app_url: str) -> str:
    while True:
        status = _ask(f"{app_url}/sdpt/api/fiftyone")
        if status["phase"] == Phase.READY:
            return str(status["url"])
        if status["phase"] in (Phase.FAILED, Phase.OFF):
            raise FiftyOneError(status["sentence"])
        time.sleep(_POLL_S)


def _ask(url: str, *, is_change: bool = False) -> dict[str, Any]:
    request = urllib.request.Request(url, method="POST" if is_change else "GET")
    request.add_header(CUSTOM_HEADER, "cli")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            document: dict[str, Any] = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise FiftyOneError(_message(error)) from error
    except OSError as error:
        raise FiftyOneError(f"The app at {url} does not answer: {error}.") from error
    return document


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"The app refused to open FiftyOne ({error.code}). Open it in the page instead."
