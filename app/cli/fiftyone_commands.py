"""`sdpt-app review`, and the processes that it starts."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from app.cli.frame import (
    AsJson,
    Backbone,
    Data,
    Debug,
    Device,
    FiftyOneUri,
    NoBrowser,
    NoWorker,
    Port,
    State,
    opened,
    say,
    show,
    show_backbone,
)

ParentPid = Annotated[int | None, typer.Option("--parent-pid", hidden=True)]


def register(cli: typer.Typer) -> None:
    cli.command("review")(review)
    cli.command("fiftyone-front", hidden=True)(front)
    cli.command("fiftyone-mirror", hidden=True)(mirror)


def review(
    data: Data,
    workspace: State = None,
    backbone: Backbone = "auto",
    device: Device = "auto",
    port: Port = 7860,
    fiftyone_uri: FiftyOneUri = None,
    no_browser: NoBrowser = False,
    no_worker: NoWorker = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Open FiftyOne on the project: the whole set, with verdicts and edits that come back.

    When the app is running on the folder already, FiftyOne is opened there.

    \b
    Example:
      sdpt-app review --data ./images
    """
    from app.fiftyone.opening import open_in_running_app, open_when_ready
    from app.settings import Settings
    from app.workspace import ServerLock, open_workspace, server_holder

    with open_workspace(data, workspace) as found:
        holder = server_holder(found)
        if holder is not None:
            url = open_in_running_app(found, holder, opens_browser=not no_browser)
            say(f"FiftyOne is open at {url}  (the app at {holder.url} holds it)")
            show({"url": url, "pid": holder.pid, "app_url": holder.url}, "", as_json=as_json)
            return
        ServerLock(found).acquire("").release()
    settings = Settings(
        data_dir=data,
        workspace_dir=workspace,
        backbone=backbone,
        device=device,
        port=port,
        fiftyone_uri=fiftyone_uri,
        opens_browser=False,
        starts_worker=not no_worker,
        opens_fiftyone=True,
    )
    with opened(data, workspace) as found:
        show_backbone(found, backbone)
        from app.server import serve

        def tell(app_url: str) -> None:
            say(f"sdpt-app is open at {app_url}; FiftyOne is starting  (Ctrl+C ends both)")

            def tell_ready(url: str) -> None:
                say(f"FiftyOne is open at {url}")
                show({"url": url, "pid": os.getpid(), "app_url": app_url}, "", as_json=as_json)

            open_when_ready(app_url, tell_ready, say, opens_browser=not no_browser)

        serve(found, settings, on_open=tell)


def front(
    data: Data,
    port: Annotated[int, typer.Option("--port")],
    workspace: State = None,
    parent_pid: ParentPid = None,
    debug: Debug = False,
) -> None:
    """FiftyOne's server, behind our gate."""
    from app.fiftyone.front import serve_front
    from app.workspace import open_workspace

    with open_workspace(data, workspace) as found:
        serve_front(found, port=port, parent_pid=parent_pid)


def mirror(
    data: Data, workspace: State = None, parent_pid: ParentPid = None, debug: Debug = False
) -> None:
    """What keeps FiftyOne's copy and the project alike."""
    import logging

    from app.fiftyone.mirror import Mirror
    from app.heartbeat import StopReason, StopSignal
    from app.worker import stopped_by_signals
    from app.workspace import open_workspace

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = StopSignal()
    os.nice(_NICENESS)
    with (
        open_workspace(data, workspace) as found,
        stopped_by_signals(stop, StopReason.TERMINATED),
    ):
        Mirror(found, stop).run(parent_pid)


_NICENESS = 5  # the page of the person comes first
