"""The `sdpt-app` command itself: without a sub-command it opens the app."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import __version__
from app.cli import (
    benchmarks,
    class_commands,
    fiftyone_commands,
    history_commands,
    job_commands,
    label_commands,
)
from app.cli.frame import (
    AsJson,
    Backbone,
    Data,
    Debug,
    Device,
    FiftyOneUri,
    Host,
    NoBrowser,
    NoWorker,
    Password,
    Port,
    State,
    new_typer,
    opened,
    say,
    show,
    show_backbone,
)

if TYPE_CHECKING:
    from app.settings import Settings

cli = new_typer()
label_commands.register(cli)
class_commands.register(cli)
history_commands.register(cli)
job_commands.register(cli)
fiftyone_commands.register(cli)
cli.add_typer(benchmarks.bench, name="bench")


def run() -> None:
    """Entry point of the console script."""
    cli(prog_name="sdpt-app")


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"sdpt-app {__version__}")
        raise typer.Exit


@cli.callback(invoke_without_command=True)
def open_app(
    ctx: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Folder of images; it is only read."),
    ] = None,
    workspace: State = None,
    backbone: Backbone = "auto",
    device: Device = "auto",
    host: Host = "127.0.0.1",
    port: Port = 7860,
    password: Password = None,
    fiftyone_uri: FiftyOneUri = None,
    no_browser: NoBrowser = False,
    no_worker: NoWorker = False,
    as_json: AsJson = False,
    debug: Debug = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Draw a few boxes, tune a frozen detector, review its proposals, export COCO or YOLO.

    Without a command this opens the app on the images in DIR.

    \b
    Example:
      sdpt-app --data ./images
    """
    if ctx.invoked_subcommand is not None:
        if data is not None or workspace is not None:
            raise typer.BadParameter(
                f"give --data and --workspace after '{ctx.invoked_subcommand}', not before it"
            )
        return
    if data is None:
        raise typer.BadParameter("give --data DIR, or a command; see sdpt-app --help")
    from app.settings import Settings

    settings = Settings(
        data_dir=data,
        workspace_dir=workspace,
        backbone=backbone,
        device=device,
        host=host,
        port=port,
        password=password,
        fiftyone_uri=fiftyone_uri,
        opens_browser=not no_browser,
        starts_worker=not no_worker,
    )
    _open(settings, as_json=as_json)


@cli.command()
def demo(
    device: Device = "auto",
    host: Host = "127.0.0.1",
    port: Port = 7860,
    password: Password = None,
    fiftyone_uri: FiftyOneUri = None,
    no_browser: NoBrowser = False,
    no_worker: NoWorker = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Open the app on 40 sample images, in a folder of its own, with the offline detector.

    \b
    Example:
      sdpt-app demo
    """
    from app.demo import prepare_demo
    from app.settings import NANO, Settings

    settings = Settings(
        data_dir=Path(),
        backbone=NANO,
        device=device,
        host=host,
        port=port,
        password=password,
        fiftyone_uri=fiftyone_uri,
        opens_browser=not no_browser,
        starts_worker=not no_worker,
    )
    _open(replace(settings, data_dir=prepare_demo()), as_json=as_json)


@cli.command()
def worker(
    data: Data,
    workspace: State = None,
    device: Device = "auto",
    as_json: AsJson = False,
    debug: Debug = False,
    parent_pid: Annotated[int | None, typer.Option("--parent-pid", hidden=True)] = None,
) -> None:
    """Work off jobs of a workspace until interrupted; the app starts its own unless --no-worker.

    \b
    Example:
      sdpt-app worker --data ./images --device cuda:1
    """
    import logging

    from app.worker import run_worker
    from app.workspace import open_workspace

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with open_workspace(data, workspace) as found:
        number = run_worker(found, device=device, parent_pid=parent_pid)
    show({"jobs": number}, "", as_json=as_json)


@cli.command()
def doctor(
    convert_glip: Annotated[
        Path | None,
        typer.Option(
            "--convert-glip", metavar="FILE", help="Turn a GLIP checkpoint (.pth) into a backbone."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FOLDER", help="Where the converted backbone goes."),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show versions, device, detectors, disk space and writable folders of this machine.

    \b
    Example:
      sdpt-app doctor
      sdpt-app doctor --convert-glip glip_tiny.pth --output ./glip-t
    """
    if (convert_glip is None) != (output is None):
        raise typer.BadParameter("--convert-glip FILE and --output FOLDER go together")
    if convert_glip is not None and output is not None:
        _convert_glip(convert_glip, output, as_json=as_json)
        return
    from app.doctor import doctor_document, examine

    checks = examine(Path.cwd())
    width = max(len(check.name) for check in checks)
    lines = [f"{c.name:<{width}}  {c.found}{f' -> {c.advice}' * bool(c.advice)}" for c in checks]
    show(doctor_document(checks), "\n".join(lines), as_json=as_json)


def _convert_glip(file: Path, output: Path, *, as_json: bool) -> None:
    from app.doctor import conversion_document, convert_glip

    done = convert_glip(file, output)
    for reason, count in done.left_out.items():
        say(f"  {count} tensors left out: {reason}")
    text = f"'{done.folder}' holds {done.num_tensors} tensors. Use it with --backbone {done.folder}"
    show(conversion_document(done), text, as_json=as_json)


def _open(settings: Settings, *, as_json: bool) -> None:
    from app.workspace import ServerLock, open_workspace

    with open_workspace(settings.data_dir, settings.workspace_dir) as found:
        # Asked before the slow parts, and before the port, which the first server has taken too.
        ServerLock(found).acquire("").release()
    with opened(settings.data_dir, settings.workspace_dir) as found:
        show_backbone(found, settings.backbone)
        from app.server import serve

        def tell(url: str) -> None:
            say(f"sdpt-app is open at {url}  (Ctrl+C ends it)")
            show(
                {"url": url, "pid": os.getpid(), "workspace": str(found.state_dir)},
                "",
                as_json=as_json,
            )

        serve(found, settings, on_open=tell)
