"""The dataset itself: its fields, colours, classes, what may be edited in it, and its saved views."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from storage.fiftyone_bridge.fields import (
    CONFLICTS,
    HUMAN,
    HUMAN_ATTRIBUTES,
    PROPOSAL_ATTRIBUTES,
    SAMPLE_FIELDS,
)
from storage.fiftyone_bridge.rows import Catalogue
from storage.types import Verdict

BRAIN_FIELDS = ("uniqueness", "mistakenness")
_OWN_GROUP = "sdpt-app"
_MOST_CLASS_VIEWS = 40
_LIKELY_MISTAKE = 0.5


def declare_fields(dataset: Any, proposal_fields: Iterable[str]) -> None:
    """Make the fields that are not there yet."""
    import fiftyone as fo

    kinds = {"int": fo.IntField, "str": fo.StringField, "float": fo.FloatField}
    known = dataset.get_field_schema()
    for name, kind in [*SAMPLE_FIELDS, *((name, "float") for name in BRAIN_FIELDS)]:
        if name not in known:
            dataset.add_sample_field(name, kinds[kind])
    for name in (HUMAN, CONFLICTS):
        _declare_labels(dataset, known, name, HUMAN_ATTRIBUTES)
    for name in proposal_fields:
        _declare_labels(dataset, known, name, PROPOSAL_ATTRIBUTES)


def _declare_labels(dataset: Any, known: Any, name: str, attributes: Sequence[str]) -> None:
    import fiftyone as fo

    if name in known:
        return
    dataset.add_sample_field(name, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    for attribute in attributes:
        dataset.add_sample_field(f"{name}.detections.{attribute}", fo.StringField)


def describe(dataset: Any, catalogue: Catalogue) -> None:
    """Classes in the app's order and colours, the human field open for editing, and the views."""
    declare_fields(dataset, catalogue.fields.values())
    names = [c.name for c in catalogue.categories]
    dataset.default_classes = names
    _open_for_editing(dataset, names)
    _paint(dataset, catalogue)
    save_views(dataset, catalogue)
    dataset.save()


def _open_for_editing(dataset: Any, names: Sequence[str]) -> None:
    """Move, draw, rename and delete on the human field alone: a proposal is judged, never edited."""
    if not names:
        return
    known = {"type": "str", "component": "text", "read_only": True}
    schema = {
        "type": "detections",
        "component": "radio" if len(names) <= 5 else "dropdown",
        "classes": list(names),
        "attributes": [{"name": name, **known} for name in HUMAN_ATTRIBUTES],
    }
    dataset.set_label_schemas({HUMAN: schema})
    dataset.active_label_schemas = [HUMAN]


def _paint(dataset: Any, catalogue: Catalogue) -> None:
    import fiftyone as fo

    colors = [{"value": c.name, "color": c.color} for c in catalogue.categories]
    dataset.app_config.color_scheme = fo.ColorScheme(
        color_by="value",
        color_pool=[c.color for c in catalogue.categories] or None,
        fields=[
            {"path": name, "colorByAttribute": "label", "valueColors": colors}
            for name in (HUMAN, CONFLICTS, *catalogue.fields.values())
        ],
    )
    _arrange_sidebar(dataset)
    shown = catalogue.fields.get(catalogue.shown_bundle_id or 0)
    dataset.app_config.active_fields = fo.ActiveFields(
        paths=[HUMAN, *([shown] if shown else []), "state"]
    )


def _arrange_sidebar(dataset: Any) -> None:
    """Our facts in a group of their own, right after the labels; what FiftyOne needs is folded up."""
    import fiftyone as fo

    own = [name for name, _ in SAMPLE_FIELDS] + list(BRAIN_FIELDS)
    groups = fo.DatasetAppConfig.default_sidebar_groups(dataset)
    for group in groups:
        group.expanded = group.name == "labels"
        group.paths = [path for path in group.paths if path not in own]
    place = next((n for n, group in enumerate(groups, 1) if group.name == "labels"), len(groups))
    groups.insert(place, fo.SidebarGroupDocument(name=_OWN_GROUP, paths=own, expanded=True))
    dataset.app_config.sidebar_groups = groups


def save_views(dataset: Any, catalogue: Catalogue) -> None:
    """The questions that come up most, each one click away; views of ours are replaced."""
    for name in [n for n in dataset.list_saved_views() if _is_ours(dataset, n)]:
        dataset.delete_saved_view(name)
    for name, (view, about) in _views(dataset, catalogue).items():
        if name not in dataset.list_saved_views():
            dataset.save_view(name, view, description=f"{about} {_MARK}")


_MARK = "(sdpt-app)"


def _is_ours(dataset: Any, name: str) -> bool:
    return str(dataset.get_saved_view_info(name)["description"] or "").endswith(_MARK)


def _views(dataset: Any, catalogue: Catalogue) -> dict[str, tuple[Any, str]]:
    from fiftyone import ViewField as F

    found = {
        "needs review": (
            dataset.match(F("state") == "needs review").sort_by("num_waiting", reverse=True),
            "Images with proposals that nobody has judged.",
        ),
        "least certain": (
            dataset.match(F("num_waiting") > 0).sort_by("uncertainty", reverse=True),
            "The order of Review.",
        ),
        "disagreements between bundles": (
            dataset.match(F("disagreements") > 0).sort_by("disagreements", reverse=True),
            "Sure proposals of one bundle that another one does not make.",
        ),
        "likely mistakes": (
            dataset.match(F("mistakenness") > _LIKELY_MISTAKE).sort_by(
                "mistakenness", reverse=True
            ),
            "Human boxes that a bundle contradicts; press Mistakenness first.",
        ),
        "missing boxes": (
            dataset.match(F("missed") > 0).sort_by("missed", reverse=True),
            "Done images with a sure proposal where no person drew a box.",
        ),
        "missing files": (
            dataset.match(F("state") == "missing file"),
            "Known images whose file has vanished.",
        ),
        "boxes changed in both places": (
            dataset.match(F(f"{CONFLICTS}.detections").length() > 0),
            "Decide about them in sdpt-app.",
        ),
    }
    fields = list(catalogue.fields.values())
    if fields:
        is_rejected = F("verdict") == Verdict.REJECTED.value
        found["rejected"] = (
            dataset.match_labels(filter=is_rejected, fields=fields),
            "Images with a proposal that a person turned down.",
        )
    for category in catalogue.categories[:_MOST_CLASS_VIEWS]:
        wanted = F("label") == category.name
        found[f"class {category.name}"] = (
            dataset.match_labels(filter=wanted, fields=[HUMAN, *fields]),
            "Images with a box or proposal of the class.",
        )
    return found
