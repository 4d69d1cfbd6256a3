"""What all commands share: options, how errors are told, and how results are shown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from app.errors import AppError
from storage.errors import StorageError

if TYPE_CHECKING:
    from app.workspace import Workspace

_DEBUG = "sdpt_app.debug"
_MOST_PROBLEMS_SHOWN = 10


class ErrorTellingGroup(TyperGroup):
    """Turns our own three kinds of errors, and only these, into one line and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if ctx.meta.get(_DEBUG) or not _is_ours(error):
                raise
            typer.echo(f"sdpt-app: error: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(1) from error


def _is_ours(error: Exception) -> bool:
    from sdpt_engine.errors import EngineError

    return isinstance(error, AppError | EngineError | StorageError)


def new_typer() -> typer.Typer:
    """Plain help: what it shows can be copied, whatever the width of the terminal."""
    return typer.Typer(
        cls=ErrorTellingGroup,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def _note_debug(ctx: typer.Context, value: bool) -> bool:
    if value:
        ctx.meta[_DEBUG] = True
    return value


Data = Annotated[
    Path, typer.Option("--data", metavar="DIR", help="Folder of images; it is only read.")
]
State = Annotated[
    Path | None,
    typer.Option("--workspace", metavar="DIR", help="Folder for all state.  [default: DIR/.sdpt]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Debug = Annotated[
    bool, typer.Option("--debug", callback=_note_debug, help="Show the traceback of an error.")
]
Backbone = Annotated[
    str,
    typer.Option(
        "--backbone",
        envvar="SDPT_BACKBONE",
        metavar="auto|nano|HUB_ID|FOLDER",
        help="Detector; a workspace remembers its own.",
    ),
]
Device = Annotated[
    str, typer.Option("--device", envvar="SDPT_DEVICE", metavar="auto|cpu|cuda[:N]", help="Device.")
]
Host = Annotated[
    str, typer.Option("--host", envvar="SDPT_HOST", help="Address; others need SDPT_PASSWORD.")
]
Port = Annotated[int, typer.Option("--port", envvar="SDPT_PORT", help="0: any free one.")]
Password = Annotated[
    str | None, typer.Option("--password", envvar="SDPT_PASSWORD", hidden=True, show_default=False)
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")]
NoWorker = Annotated[bool, typer.Option("--no-worker", help="Start no worker process.")]
FiftyOneUri = Annotated[
    str | None,
    typer.Option(
        "--fiftyone-uri",
        envvar="SDPT_FIFTYONE_URI",
        metavar="mongodb://HOST:PORT",
        help="MongoDB server for FiftyOne, instead of an own one.",
    ),
]
WhichBundle = Annotated[
    str, typer.Option("--bundle", metavar="ID|best|zero-shot", help="Which prompt to use.")
]


@contextmanager
def opened(data: Path, state: Path | None) -> Iterator[Workspace]:
    """The workspace of a folder, brought up to date with it; what was found goes to stderr."""
    from app.ingest import ingest
    from app.progress import progress_bar
    from app.workspace import open_workspace

    with open_workspace(data, state) as workspace:
        with progress_bar("Reading images") as on_progress:
            report = ingest(workspace, on_progress=on_progress)
        if report.sentence:
            say(report.sentence)
        for problem in report.problems[:_MOST_PROBLEMS_SHOWN]:
            say(f"  {problem.relative_path}: {problem.reason}")
        if len(report.problems) > _MOST_PROBLEMS_SHOWN:
            say(f"  and {len(report.problems) - _MOST_PROBLEMS_SHOWN} more, listed in Project")
        yield workspace


def show_backbone(workspace: Workspace, asked: str) -> None:
    """Choose the detector and say which one it is and why."""
    from app.settings import choose_backbone

    say(choose_backbone(workspace, asked).sentence)


def say(text: str) -> None:
    """Tell a person; stdout stays free for the result."""
    typer.echo(text, err=True)


def show(document: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """The result on stdout: the document for a script, the text for a person."""
    if as_json:
        typer.echo(json.dumps(without_nan(document), ensure_ascii=False, allow_nan=False))
    elif text:
        typer.echo(text)


def without_nan(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value


def percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1%}"
