"""The plugin that FiftyOne's server loads: buttons and a panel in front of `app.fiftyone.verdicts`."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from app.errors import AppError
from app.fiftyone import verdicts
from app.fiftyone.session import LOCK, Session, current_session
from app.fiftyone.verdicts import Outcome, Targets
from storage.errors import StorageError

_BUTTONS = {
    "accept": "Accept",
    "reject": "Reject",
    "change_class": "Class…",
    "send_back": "Send back",
    "mark_done": "Done",
}
_KEYS = "Shift with A, R, C, B or D does the same. In Annotate the App's own keys hold."
_SIZES = [0.78, 0.22]


class _Verb(foo.Operator):  # type: ignore[misc]
    """One button. It acts on selected labels, else on selected samples, else on the open one."""

    name = label = icon = ""
    has_form = False

    @property
    def config(self) -> Any:
        return foo.OperatorConfig(
            name=self.name,
            label=f"sdpt: {self.label}",
            icon=self.icon,
            dynamic=self.has_form,
            allow_immediate_execution=True,
        )

    def resolve_placement(self, ctx: Any) -> Any:
        button = types.Button(label=self.label, icon=self.icon, prompt=self.has_form)
        return types.Placement(types.Places.SAMPLES_GRID_SECONDARY_ACTIONS, button)

    def execute(self, ctx: Any) -> dict[str, Any]:
        return act(ctx, self)

    def decide(self, session: Session, targets: Targets, params: dict[str, Any]) -> Outcome:
        raise NotImplementedError


def act(ctx: Any, verb: _Verb) -> dict[str, Any]:
    """Decide, tell, and show what has become of it."""
    session = current_session()
    with LOCK:
        try:
            session.refresh()
            outcome = verb.decide(session, _targets(session, ctx), ctx.params)
        except (AppError, StorageError) as error:
            ctx.ops.notify(str(error), variant="error")
            return {"message": str(error)}
    ctx.ops.notify(outcome.sentence, variant="warning" if outcome.problems else "success")
    ctx.ops.clear_selected_labels()
    ctx.ops.clear_selected_samples()
    ctx.ops.reload_samples()
    return {"message": outcome.sentence}


def _targets(session: Session, ctx: Any) -> Targets:
    if ctx.selected_labels:
        ids = [label["label_id"] for label in ctx.selected_labels]
        return verdicts.targets_of_labels(session.bridge, ids)
    chosen = list(ctx.selected) or ([ctx.current_sample] if ctx.current_sample else [])
    if ctx.view is not None and ctx.view._is_patches:  # there a sample is a label
        return verdicts.targets_of_labels(session.bridge, chosen)
    return verdicts.targets_of_samples(session.workspace, session.bridge, chosen)


class Accept(_Verb):
    name, label, icon = "accept", "Accept", "check"

    def decide(self, session: Session, targets: Targets, params: dict[str, Any]) -> Outcome:
        return verdicts.accept(session.workspace, session.bridge, targets)


class Reject(_Verb):
    name, label, icon = "reject", "Reject", "close"

    def decide(self, session: Session, targets: Targets, params: dict[str, Any]) -> Outcome:
        return verdicts.reject(session.workspace, session.bridge, targets)


class SendBack(_Verb):
    name, label, icon = "send_back", "Send back", "undo"

    def decide(self, session: Session, targets: Targets, params: dict[str, Any]) -> Outcome:
        return verdicts.send_back(session.workspace, session.bridge, targets)


class MarkDone(_Verb):
    name, label, icon = "mark_done", "Mark image done", "task_alt"

    def decide(self, session: Session, targets: Targets, params: dict[str, Any]) -> Outcome:
        return verdicts.mark_done(session.workspace, session.bridge, targets)


class ChangeClass(_Verb):
    name, label, icon = "change_class", "Change class", "edit"
    has_form = True

    def resolve_input(self, ctx: Any) -> Any:
        inputs = types.Object()
        names = current_session().class_names()
        choices = types.DropdownView(label="New class")
        for name in names:
            choices.add_choice(name, label=name)
        inputs.enum("name", names, required=True, view=choices)
        return types.Property(inputs, view=types.View(label="Change class"))

    def decide(self, session: Session, targets: Targets, params: dict[str, Any]) -> Outcome:
        return verdicts.change_class(session.workspace, session.bridge, targets, params["name"])


class ShowPanel(foo.Operator):  # type: ignore[misc]
    """Puts the panel beside the images when the App opens, unless a person has arranged it already."""

    @property
    def config(self) -> Any:
        return foo.OperatorConfig(
            name="show_panel", label="sdpt: Show panel", unlisted=True, on_startup=True
        )

    def execute(self, ctx: Any) -> None:
        import fiftyone as fo

        if ctx.spaces is not None and len(ctx.spaces.children) > 1:
            return
        shown = [fo.Panel(type="Samples", pinned=True), fo.Panel(type="sdpt_review")]
        sides = [fo.Space(children=[part], active_child=part.component_id) for part in shown]
        both = fo.Space(children=sides, orientation="horizontal", sizes=_SIZES)
        ctx.ops.set_spaces(spaces=both)


class ReviewPanel(foo.Panel):  # type: ignore[misc]
    """Counts, thresholds, the verbs, and the way back to the image in our app."""

    @property
    def config(self) -> Any:
        return foo.PanelConfig(
            name="sdpt_review",
            label="sdpt review",
            icon="rate_review",
            surfaces="grid modal",
            help_markdown="Decisions are written into the project at once.",
        )

    def on_load(self, ctx: Any) -> None:
        self._show(ctx)

    def on_change_current_sample(self, ctx: Any) -> None:
        self._show(ctx)

    def on_change_selected(self, ctx: Any) -> None:
        self._show(ctx)

    def on_change_selected_labels(self, ctx: Any) -> None:
        self._show(ctx)

    def _show(self, ctx: Any) -> None:
        ctx.panel.set_state("text", current_session().summary(ctx.current_sample))

    def accept(self, ctx: Any) -> None:
        self._act(ctx, Accept())

    def reject(self, ctx: Any) -> None:
        self._act(ctx, Reject())

    def send_back(self, ctx: Any) -> None:
        self._act(ctx, SendBack())

    def mark_done(self, ctx: Any) -> None:
        self._act(ctx, MarkDone())

    def change_class(self, ctx: Any) -> None:
        ctx.prompt("@sdpt-app/review/change_class", on_success=self.on_load)

    def _act(self, ctx: Any, verb: _Verb) -> None:
        act(ctx, verb)
        self._show(ctx)

    def render(self, ctx: Any) -> Any:
        panel = types.Object()
        verbs = panel.v_stack("verbs", gap=1)  # below each other: the panel may be narrow
        for name, label in _BUTTONS.items():
            verbs.btn(name, label=label, on_click=getattr(self, name), variant="outlined")
        panel.md(_KEYS, name="keys")  # see keys.js
        panel.md(str(ctx.panel.get_state("text") or ""), name="summary")
        return types.Property(panel, view=types.GridView(orientation="vertical", gap=2, pad=2))


def register(plugin: Any) -> None:
    """FiftyOne calls this once."""
    for kind in (Accept, Reject, ChangeClass, SendBack, MarkDone, ShowPanel, ReviewPanel):
        plugin.register(kind)
