"""Commands about the past: history, restore, clean."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.frame import AsJson, Data, Debug, State, opened, show

ImagePath = Annotated[
    str | None,
    typer.Option("--image", metavar="PATH", help="This image only; its path in the folder."),
]


def register(cli: typer.Typer) -> None:
    cli.command("history")(show_history)
    cli.command("restore")(restore)
    cli.command("clean")(clean)


def show_history(
    data: Data,
    image: ImagePath = None,
    box: Annotated[
        str | None, typer.Option("--box", metavar="UID", help="All that happened to one box.")
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option("--diff", metavar="POINT", help="What changed from this point on."),
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="POINT", help="End of --diff.")] = "now",
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name the present moment.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="Lines.")] = 30,
    workspace: State = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Who did what when, newest first. A POINT is what the first column says, a name that was given, a time
    (2026-01-31T14:30, UTC), 'start' or 'now'.

    \b
    Example:
      sdpt-app history --data ./images --diff "before lunch"
    """
    if sum(asked is not None for asked in (image, box, diff)) > 1:
        raise typer.BadParameter("give one of --image PATH, --box UID and --diff POINT")
    from app import history
    from app.classes import Who

    with opened(data, workspace) as found:
        if name is not None:
            history.name_point(found, name, who=Who.now())
        if image is not None:
            document = history.image_history_document(found, history.image_id_of(found, image))
            lines = [_image_line(line) for line in document["lines"]]
        elif box is not None:
            document = history.box_history_document(found, box)
            lines = [f"{_when(e)}  {e['author']:<12} {e['text']}" for e in document["events"]]
        elif diff is not None:
            document = history.difference_document(found, diff, to, limit=limit)
            lines = _difference_lines(document)
        else:
            document = history.timeline_document(found, limit=limit)
            lines = [_line(line) for line in document["lines"]]
    show(document, "\n".join(lines) or "Nothing has happened yet.", as_json=as_json)


def restore(
    data: Data,
    to: Annotated[
        str | None, typer.Option("--to", metavar="POINT", help="The point to go back to.")
    ] = None,
    image: ImagePath = None,
    undo: Annotated[
        int | None, typer.Option("--undo", metavar="ID", help="Take this one deed back.")
    ] = None,
    is_dry: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would change (with --to).")
    ] = False,
    workspace: State = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Bring all boxes and classes, or one image, to an earlier point, or undo one deed.

    It is a new deed in the history, which loses nothing: `--undo` takes it back too.

    \b
    Example:
      sdpt-app restore --data ./images --to "before lunch"
    """
    if (to is None) == (undo is None):
        raise typer.BadParameter("give one of --to POINT and --undo ID")
    if to is None and (image is not None or is_dry):
        raise typer.BadParameter("--image and --dry-run belong to --to POINT")
    from app import history
    from app.classes import Who

    with opened(data, workspace) as found:
        image_id = None if image is None else history.image_id_of(found, image)
        if undo is not None:
            document = history.undo(found, undo, who=Who.now())
        elif is_dry:
            assert to is not None
            document = history.difference_document(found, "now", to)
            show(document, "\n".join(_difference_lines(document)), as_json=as_json)
            return
        else:
            assert to is not None
            document = history.restore(found, to, image_id=image_id, who=Who.now())
    show(document, _with_undo(document), as_json=as_json)


def clean(
    data: Data,
    bundle: Annotated[int, typer.Option("--bundle", metavar="ID", help="Whose boxes go.")],
    with_accepted: Annotated[
        bool,
        typer.Option(
            "--with-accepted", help="Also boxes that were accepted from it and not touched since."
        ),
    ] = False,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    workspace: State = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Delete the machine boxes of one bundle. What people drew, corrected or rejected stays; undoable.

    \b
    Example:
      sdpt-app clean --data ./images --bundle 3
    """
    from app import history
    from app.classes import Who

    with opened(data, workspace) as found:
        if not is_sure:
            count = history.machine_count(found, bundle)
            gone = f"{count['pending']} waiting proposals"
            if with_accepted:
                gone += f" and {count['accepted']} accepted boxes"
            typer.confirm(f"Delete {gone} of bundle {bundle}?", abort=True, err=True)
        document = history.remove_machine_boxes(
            found, bundle, with_accepted=with_accepted, who=Who.now()
        )
    show(document, _with_undo(document), as_json=as_json)


def _with_undo(document: dict[str, Any]) -> str:
    text = str(document["text"])
    if document["change_id"] is None:
        return text
    return f"{text} To take it back: sdpt-app restore --undo {document['change_id']}"


def _line(line: dict[str, Any]) -> str:
    deed = f"  [deed {line['change_id']}]" if line["change_id"] is not None else ""
    is_said = f" {line['boxes']} " in line["text"]  # the number of boxes is in the words already
    boxes = "" if is_said else f"{line['boxes']} boxes "
    size = f"  ({boxes}on {line['images']} images)" if line["boxes"] else ""
    return f"{line['point']:<12} {_when(line)}  {line['author']:<12} {line['text']}{size}{deed}"


def _image_line(line: dict[str, Any]) -> str:
    what = ", ".join(event["text"] for event in line["events"])
    return f"{line['point']:<12} {_when(line)}  {line['author']:<12} {what}"


def _difference_lines(document: dict[str, Any]) -> list[str]:
    lines = [f"{_numbers(document['total'])}, on {document['num_images']} images"]
    lines += [f"  {_numbers(item)}  {item['relative_path']}" for item in document["images"]]
    if len(document["images"]) < document["num_images"]:
        lines.append(f"  and {document['num_images'] - len(document['images'])} more images")
    return lines


def _numbers(item: dict[str, Any]) -> str:
    return (
        f"{item['added']} added, {item['removed']} removed, {item['moved']} moved, "
        f"{item['reclassed']} reclassed"
    )


def _when(line: dict[str, Any]) -> str:
    return str(line["at"])[:19].replace("T", " ")
