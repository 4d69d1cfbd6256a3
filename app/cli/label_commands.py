"""Commands about labels: import, export, status."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.frame import AsJson, Data, Debug, State, opened, show


class ImportAs(StrEnum):
    HUMAN = "human"
    PREDICTION = "prediction"


class Format(StrEnum):
    COCO = "coco"
    YOLO = "yolo"
    FIFTYONE = "fiftyone"


def register(cli: typer.Typer) -> None:
    cli.command("import")(import_labels)
    cli.command("export")(export_labels)
    cli.command("status")(show_status)


def import_labels(
    data: Data,
    coco: Annotated[
        Path | None, typer.Option("--coco", metavar="FILE", help="COCO file to take in.")
    ] = None,
    yolo: Annotated[
        Path | None, typer.Option("--yolo", metavar="DIR", help="YOLO folder to take in.")
    ] = None,
    fiftyone: Annotated[
        Path | None,
        typer.Option("--fiftyone", metavar="DIR", help="FiftyOneDataset folder to take in."),
    ] = None,
    field: Annotated[
        str | None,
        typer.Option("--field", metavar="NAME", help="Which boxes of the FiftyOne folder."),
    ] = None,
    import_as: Annotated[
        ImportAs, typer.Option("--as", help="Boxes of a person, or proposals to review.")
    ] = ImportAs.HUMAN,
    workspace: State = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Take in labels of another tool: the whole file or, if anything is wrong, nothing.

    \b
    Example:
      sdpt-app import --data ./images --coco labels.json
    """
    if sum(source is not None for source in (coco, yolo, fiftyone)) != 1:
        raise typer.BadParameter("give one of --coco FILE, --yolo DIR and --fiftyone DIR")
    if field is not None and fiftyone is None:
        raise typer.BadParameter("--field belongs to --fiftyone DIR")
    from datetime import UTC, datetime

    from app.importing import import_coco, import_fiftyone, import_yolo
    from app.settings import default_author

    with opened(data, workspace) as found:
        how: dict[str, Any] = {
            "as_human": import_as is ImportAs.HUMAN,
            "author": default_author(),
            "at": datetime.now(UTC),
        }
        if coco is not None:
            report = import_coco(found, coco, **how)
        elif yolo is not None:
            report = import_yolo(found, yolo, **how)
        else:
            assert fiftyone is not None
            report = import_fiftyone(found, fiftyone, field=field, **how)
    document = {
        "images": report.images,
        "annotations": report.annotations,
        "categories": report.categories,
        "unchanged": report.unchanged,
        "kept": report.kept,
        "crowd": report.crowd,
        "bundle": report.bundle_id,
    }
    what = "boxes" if import_as is ImportAs.HUMAN else "proposals"
    text = f"Imported {report.annotations} {what} on {report.images} images."
    if report.unchanged:
        text += f" {report.unchanged} were there already."
    if report.kept:
        text += f" {report.kept} were edited here since and stay as they are."
    if report.crowd:
        text += f" {report.crowd} crowd regions were left out."
    show(document, text, as_json=as_json)


def export_labels(
    data: Data,
    output: Annotated[
        Path, typer.Option("--output", metavar="PATH", help="COCO file, or folder, to write.")
    ],
    format_: Annotated[Format, typer.Option("--format", help="What to write.")],
    accept_above: Annotated[
        float | None,
        typer.Option(
            "--accept-above",
            metavar="S",
            min=0.0,
            max=1.0,
            help="Also write pending proposals with at least this score.",
        ),
    ] = None,
    workspace: State = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write all boxes that people stand behind; a second export is the same to the byte.

    \b
    Example:
      sdpt-app export --data ./images --format coco --output boxes.json
    """
    from app.exporting import export_coco, export_fiftyone, export_yolo

    exports = {
        Format.COCO: export_coco,
        Format.YOLO: export_yolo,
        Format.FIFTYONE: export_fiftyone,
    }
    export = exports[format_]
    with opened(data, workspace) as found:
        report = export(found, output, accept_above=accept_above)
    document = {
        "path": str(report.path),
        "images": report.images,
        "annotations": report.annotations,
    }
    text = f"Wrote {report.annotations} boxes on {report.images} images to {report.path}."
    show(document, text, as_json=as_json)


def show_status(
    data: Data, workspace: State = None, as_json: AsJson = False, debug: Debug = False
) -> None:
    """Count images, boxes and proposals, list bundles and jobs, and say what to do next and why.

    \b
    Example:
      sdpt-app status --data ./images --json
    """
    from app.status import status_document

    with opened(data, workspace) as found:
        document = status_document(found)
    show(document, "\n".join(_status_lines(document)), as_json=as_json)


def _status_lines(document: dict[str, Any]) -> list[str]:
    lines = [f"backbone     {document['backbone'] or 'not chosen yet'}"]
    for key in ("images", "annotations", "predictions"):
        lines.append(f"{key:<12} " + ", ".join(f"{n} {what}" for what, n in document[key].items()))
    for bundle in document["bundles"]:
        in_use = ", in use" if bundle["adopted"] else ""
        in_use += f", STALE: {bundle['stale']}" if bundle["stale"] else ""
        lines.append(f"bundle {bundle['id']:<5} {bundle['name']} ({bundle['kind']}{in_use})")
    for job in document["jobs"]:
        why = f": {job['error']}" if job["error"] else ""
        lines.append(f"job {job['id']:<8} {job['kind']} {job['status']}{why}")
    lines.append(f"next         {document['advice']['step']}: {document['advice']['reason']}")
    return lines
