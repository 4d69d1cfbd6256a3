"""The command about classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.frame import AsJson, Data, Debug, State, opened, say, show

if TYPE_CHECKING:
    from app.workspace import Workspace


def register(cli: typer.Typer) -> None:
    cli.command("classes")(change_classes)


def change_classes(
    data: Data,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="NAME[=prompt text]", help="Add a class."),
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option("--rename", metavar="OLD=NEW", help="Rename a class.")
    ] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option("--prompt", metavar="NAME=TEXT", help="Change what the model reads."),
    ] = None,
    color: Annotated[
        list[str] | None, typer.Option("--color", metavar="NAME=#rrggbb", help="Recolour a class.")
    ] = None,
    merge: Annotated[
        list[str] | None,
        typer.Option("--merge", metavar="A=B", help="Give the boxes of A to B, and remove A."),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="NAME", help="Remove a class with its boxes; asks."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option("--order", metavar="A,B,...", help="These first, the others after them."),
    ] = None,
    is_sure: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    workspace: State = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """List the classes, after what is asked was done to them in the order of the options above.

    No box is lost: `sdpt-app history` lists what was done, `sdpt-app restore --undo` takes it back.

    \b
    Example:
      sdpt-app classes --data ./images --add "cell=round red blood cell"
    """
    renames = [_pair("--rename", text) for text in rename or []]
    prompts = [_pair("--prompt", text) for text in prompt or []]
    colors = [_pair("--color", text) for text in color or []]
    merges = [_pair("--merge", text) for text in merge or []]
    from app import classes
    from app.staleness import stale_sentences

    with opened(data, workspace) as found:
        for text in add or []:
            name, has_prompt, prompt_text = text.partition("=")
            classes.add_class(found, name, prompt_text if has_prompt else None)
        for old, new in renames:
            classes.rename_class(found, old, new)
        for name, text in prompts:
            category_id = classes.find_class(found, name).id
            classes.change_class(found, category_id, prompt_text=text, who=classes.Who.now())
        for name, text in colors:
            category_id = classes.find_class(found, name).id
            classes.change_class(found, category_id, color=text, who=classes.Who.now())
        for source, into in merges:
            classes.merge_classes(found, source, into)
        for name in remove or []:
            _remove(found, name, is_sure=is_sure)
        if order is not None:
            _reorder(found, order)
        known = classes.list_classes(found)
        stale = stale_sentences(found)
    rows = [
        {
            "id": c.id,
            "name": c.name,
            "prompt_text": c.prompt_text,
            "color": c.color,
            "boxes": num_boxes,
        }
        for c, num_boxes in known
    ]
    lines = [f"{r['id']:>4}  {r['name']}  ('{r['prompt_text']}', {r['boxes']} boxes)" for r in rows]
    text = "\n".join([*lines, *stale]) or "No class yet."
    show({"classes": rows, "stale": stale}, text, as_json=as_json)


def _remove(workspace: Workspace, name: str, *, is_sure: bool) -> None:
    from app import classes

    found = classes.find_class(workspace, name)
    use = classes.class_use(workspace, found.id)
    touched = f"{use.num_boxes} boxes on {use.num_images} images and {use.num_proposals} proposals"
    if not is_sure:
        question = f"Remove the class '{found.name}' with {touched}?"
        typer.confirm(question, abort=True, err=True)
    deed = classes.remove_class(workspace, found.id, who=classes.Who.now())
    say(f"{deed.text}. To take it back: sdpt-app restore --undo {deed.change_id}")


def _reorder(workspace: Workspace, order: str) -> None:
    from app import classes

    first = [classes.find_class(workspace, name.strip()).id for name in order.split(",")]
    others = [c.id for c, _ in classes.list_classes(workspace) if c.id not in first]
    classes.reorder_classes(workspace, [*dict.fromkeys(first), *others], who=classes.Who.now())


def _pair(option: str, text: str) -> tuple[str, str]:
    left, separator, right = text.partition("=")
    if not separator or not left.strip() or not right.strip():
        raise typer.BadParameter(f"{option} takes two names, as in OLD=NEW; found '{text}'")
    return left, right
