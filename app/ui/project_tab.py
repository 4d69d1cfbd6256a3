"""Project: what is in the folder, which detector is used, and the classes."""

from __future__ import annotations

import gradio as gr

from app.classes import (
    add_class,
    list_classes,
    merge_classes,
    remove_class,
    rename_class,
    set_color,
    set_prompt_text,
)
from app.ingest import ingest
from app.settings import BackboneChoice
from app.ui import markup
from app.ui.messages import announce, telling
from app.workspace import Workspace
from storage import images
from storage.counts import counts
from storage.errors import NotFoundError
from storage.types import Category

_MOST_PROBLEMS = 200
_NO_CLASS = (
    "No class yet. Add the first one below: a name, and the words the model should look for."
)


def project_tab(workspace: Workspace, backbone: BackboneChoice, tab: gr.Tab) -> None:
    """Build the tab's contents inside the current block."""
    with gr.Row():
        with gr.Column(scale=1, min_width=320):
            overview = gr.HTML(lambda: _overview(workspace, backbone), elem_id="project-overview")
            rescan = gr.Button("Look for new images", size="sm", elem_id="project-rescan")
        with gr.Column(scale=1, min_width=320):
            shown = gr.HTML(lambda: _classes(workspace), elem_id="class-list")
            _class_forms(workspace, shown)

    tab.select(
        lambda: (_overview(workspace, backbone), _classes(workspace)),
        outputs=[overview, shown],
        show_progress="hidden",
    )

    @telling
    def look_again(progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008  Gradio's own idiom
        report = ingest(workspace, on_progress=lambda n, total: progress((n, total)))
        gr.Info(report.sentence or "Nothing has changed in the folder.")
        return _overview(workspace, backbone)

    rescan.click(look_again, outputs=overview).then(fn=None, js=announce("images"))


def _class_forms(workspace: Workspace, shown: gr.HTML) -> None:
    with gr.Row(elem_classes="sdpt-form"):
        name = gr.Textbox(label="New class", placeholder="cell", elem_id="class-name")
        prompt = gr.Textbox(
            label="Prompt text", placeholder="the name, if left empty", elem_id="class-prompt"
        )
        add = gr.Button("Add class", variant="primary", elem_id="class-add", min_width=100)
    with gr.Accordion("Change a class", open=False):
        chosen = gr.Dropdown(_names(workspace), label="Class", elem_id="class-chosen", value=None)
        with gr.Row(elem_classes="sdpt-form"):
            new_name = gr.Textbox(label="Name", elem_id="class-new-name")
            new_prompt = gr.Textbox(label="Prompt text", elem_id="class-new-prompt")
            color = gr.ColorPicker(label="Colour", min_width=80)
            save = gr.Button("Save", elem_id="class-save", min_width=80)
        with gr.Row(elem_classes="sdpt-form"):
            into = gr.Dropdown(_names(workspace), label="Merge it into", value=None)
            merge = gr.Button("Merge: all boxes move", elem_id="class-merge", min_width=80)
            remove = gr.Button("Remove (if without boxes)", elem_id="class-remove", min_width=80)
    lists = [shown, chosen, into]

    def refreshed() -> tuple[object, ...]:
        names = _names(workspace)
        return _classes(workspace), gr.update(choices=names), gr.update(choices=names)

    @telling
    def on_add(text: str, words: str) -> tuple[object, ...]:
        add_class(workspace, text, words.strip() or None)
        return "", "", *refreshed()

    @telling
    def on_choose(text: str | None) -> tuple[str, str, str]:
        if text is None:
            return "", "", "#000000"
        found = _category(workspace, text)
        return found.name, found.prompt_text, found.color

    @telling
    def on_save(text: str | None, label: str, words: str, paint: str) -> tuple[object, ...]:
        found = _category(workspace, text)
        set_prompt_text(workspace, found.id, words)
        set_color(workspace, found.id, _hex(paint))
        if label != found.name:
            rename_class(workspace, found.name, label)
        out = refreshed()
        return out[0], gr.update(choices=_names(workspace), value=label.strip()), out[2]

    @telling
    def on_merge(text: str | None, target: str | None) -> tuple[object, ...]:
        source, into_class = _category(workspace, text), _category(workspace, target)
        merge_classes(workspace, source.name, into_class.name)
        gr.Info(f"All boxes of {source.name} are {into_class.name} now.")
        return _emptied(workspace)

    @telling
    def on_remove(text: str | None) -> tuple[object, ...]:
        remove_class(workspace, _category(workspace, text).id)
        return _emptied(workspace)

    told = {"fn": None, "js": announce("categories")}
    gr.on(
        [add.click, name.submit, prompt.submit], on_add, [name, prompt], [name, prompt, *lists]
    ).then(**told)
    chosen.input(on_choose, chosen, [new_name, new_prompt, color])
    save.click(on_save, [chosen, new_name, new_prompt, color], lists).then(**told)
    merge.click(on_merge, [chosen, into], lists).then(**told)
    remove.click(on_remove, chosen, lists).then(**told)


def _emptied(workspace: Workspace) -> tuple[object, ...]:
    choice = gr.update(choices=_names(workspace), value=None)
    return _classes(workspace), choice, choice


def _overview(workspace: Workspace, backbone: BackboneChoice) -> str:
    with workspace.database.read() as tx:
        number = counts(tx)
        problems = images.list_problems(tx)
    parts = [
        markup.table(
            ["Folder", str(workspace.data_dir)],
            [["Detector", f"{backbone.name}: {backbone.reason}"]],
        ),
        markup.figures(
            [
                ("images", number.total),
                ("labelled", number.labelled),
                ("done", number.reviewed),
                ("boxes", number.human + number.accepted),
                ("proposals waiting", number.predictions_pending),
            ]
        ),
    ]
    if number.missing:
        parts.append(markup.progress(f"{number.missing} known images are missing; boxes are kept."))
    if problems:
        rows = [[p.relative_path, p.reason] for p in problems[:_MOST_PROBLEMS]]
        parts.append(markup.table([f"{len(problems)} files could not be used", "Why"], rows))
    return "".join(parts)


def _classes(workspace: Workspace) -> str:
    known = list_classes(workspace)
    if not known:
        return markup.progress(_NO_CLASS)
    return markup.swatch_list([(c.color, c.name, c.prompt_text, n) for c, n in known])


def _names(workspace: Workspace) -> list[str]:
    return [item.name for item, _ in list_classes(workspace)]


def _category(workspace: Workspace, name: str | None) -> Category:
    for item, _ in list_classes(workspace):
        if item.name == name:
            return item
    raise NotFoundError("Choose a class first.")


def _hex(paint: str) -> str:
    """Gradio's picker gives #rrggbb or rgba(r, g, b, a)."""
    if not paint.startswith("rgb"):
        return paint
    numbers = paint[paint.index("(") + 1 : paint.index(")")].split(",")[:3]
    return "#" + "".join(f"{round(float(n)):02x}" for n in numbers)
