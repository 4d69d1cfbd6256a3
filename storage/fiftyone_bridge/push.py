"""Rows into the dataset: everything the first time, later only what has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storage.database import Database
from storage.fiftyone_bridge import rows, writing
from storage.fiftyone_bridge.bridge import About, Bridge, Remembered
from storage.fiftyone_bridge.dataset import describe
from storage.fiftyone_bridge.documents import SampleContent, content
from storage.fiftyone_bridge.fields import HUMAN
from storage.fiftyone_bridge.pull import SAME_PX
from storage.fiftyone_bridge.rows import Catalogue

PAGE = 1_000

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PushReport:
    """Samples that were made, changed and removed; `postponed` ones wait for an edit to be read."""

    created: int = 0
    updated: int = 0
    removed: int = 0
    postponed: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.created or self.updated or self.removed)


def push(
    database: Database,
    bridge: Bridge,
    *,
    seconds_per_verdict: float,
    on_progress: OnProgress = lambda done, total: None,
) -> PushReport:
    """Bring the dataset up to date. Memory is bounded by a page, time linear in what has changed."""
    with database.read() as tx:
        catalogue = rows.catalogue(tx, seconds_per_verdict=seconds_per_verdict)
        current = rows.fingerprints(tx)
    is_same_catalogue = bridge.about().catalogue == catalogue.key
    if not is_same_catalogue:
        describe(bridge.dataset, catalogue)
    known = bridge.fingerprints()
    new = [image_id for image_id in current if image_id not in known]
    changed = [
        image_id
        for image_id, text in current.items()
        if image_id in known and not (is_same_catalogue and known[image_id] == text)
    ]
    gone = [image_id for image_id in known if image_id not in current]
    total, postponed = len(new) + len(changed), 0
    for start in range(0, total, PAGE):
        for ids, write in ((new, _create), (changed, _update)):
            page = ids[start : start + PAGE]
            if page:
                contents = _contents(database, bridge, catalogue, page)
                postponed += write(bridge, contents, current)
        on_progress(min(start + PAGE, total), total)
    _remove(bridge, gone)
    bridge.remember_about(_about(catalogue))
    return PushReport(len(new), len(changed) - postponed, len(gone), postponed)


def _about(catalogue: Catalogue) -> About:
    fields = {name: bundle_id for bundle_id, name in catalogue.fields.items()}
    return About(catalogue.key, catalogue.ids, fields)


def push_images(
    database: Database,
    bridge: Bridge,
    image_ids: Sequence[int],
    *,
    seconds_per_verdict: float,
) -> None:
    """Show at once what a person has just decided about these images."""
    with database.read() as tx:
        catalogue = rows.catalogue(tx, seconds_per_verdict=seconds_per_verdict)
        current = rows.fingerprints(tx, image_ids)
    known = bridge.recall(image_ids)
    if bridge.about().catalogue == catalogue.key:  # else the mirror is about to write all of them
        _update(bridge, _contents(database, bridge, catalogue, list(known)), current)


def _contents(
    database: Database, bridge: Bridge, catalogue: Catalogue, image_ids: Sequence[int]
) -> list[SampleContent]:
    with database.read() as tx:
        return [content(item, catalogue, bridge.data_dir) for item in rows.facts(tx, image_ids)]


def _create(
    bridge: Bridge, contents: Sequence[SampleContent], fingerprints: Mapping[int, str]
) -> int:
    at = writing.now()
    if not bridge.is_fast or bridge.dataset.media_type is None:
        # The first sample goes the public way: it tells the dataset what kind of media it holds.
        number = len(contents) if not bridge.is_fast else 1
        ids = writing.add_plainly(bridge.dataset, contents[:number])
        contents, first = contents[number:], contents[:number]
        pairs = list(zip(first, ids, strict=True))
    else:
        pairs = []
    if contents:
        documents = [writing.raw_sample(item, bridge.dataset, at) for item in contents]
        bridge.collection.insert_many(documents, ordered=False)
        ids = [str(document["_id"]) for document in documents]
        bridge.own_writes.update(dict.fromkeys(ids, at))
        pairs += list(zip(contents, ids, strict=True))
    bridge.remember_new(
        Remembered(item.image_id, sample_id, fingerprints[item.image_id], item.base)
        for item, sample_id in pairs
    )
    return 0


def _update(
    bridge: Bridge, contents: Sequence[SampleContent], fingerprints: Mapping[int, str]
) -> int:
    """Returns how many were left for later, because a person had changed the sample meanwhile."""
    memory = bridge.recall(item.image_id for item in contents)
    write = _update_fast if bridge.is_fast else _update_plainly
    written = write(bridge, contents, memory)
    bridge.remember(
        Remembered(
            item.image_id,
            memory[item.image_id].sample_id,
            fingerprints[item.image_id],
            item.base,
        )
        for item in contents
        if item.image_id in written
    )
    return len(contents) - len(written)


def _update_fast(
    bridge: Bridge, contents: Sequence[SampleContent], memory: Mapping[int, Remembered]
) -> set[int]:
    import bson

    ids = {bson.ObjectId(item.sample_id): item.image_id for item in memory.values()}
    before = {ids[d["_id"]]: d for d in bridge.collection.find({"_id": {"$in": list(ids)}})}
    written: set[int] = set()
    for item in contents:
        found = before.get(item.image_id)
        if found is None or _has_unread_edit(found, bridge):
            continue
        values = _changes(found, item)
        is_seen = {"_id": found["_id"], "last_modified_at": found["last_modified_at"]}
        if _moves_labels(found, values):
            values["last_modified_at"] = writing.now()
            bridge.own_writes[str(found["_id"])] = values["last_modified_at"]
        done = bridge.collection.update_one(is_seen, {"$set": values}) if values else None
        if done is None or done.matched_count:
            written.add(item.image_id)
    return written


def _has_unread_edit(found: Mapping[str, Any], bridge: Bridge) -> bool:
    """Whether the App has changed the sample since we looked, or a box there waits for its class."""
    is_read = bridge.is_known(str(found["_id"]), found["last_modified_at"])
    return not is_read or any(not label.get("label") for label in _old(found, HUMAN))


def _changes(found: Mapping[str, Any], item: SampleContent) -> dict[str, Any]:
    """What differs. A sample that is right is not touched: a person may be at work on it."""
    values: dict[str, Any] = {"filepath": item.filepath, **item.values}
    slack = SAME_PX / min(item.size_wh)
    for name, labels in item.labels.items():
        before = {str(label["_id"]): label for label in _old(found, name)}
        values[name] = writing.raw_labels(labels, before, slack=slack)
    return {key: value for key, value in values.items() if found.get(key) != value}


def _moves_labels(found: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether the App must load the sample again; for notes on labels alone it need not."""
    return any(
        [_place(label) for label in value["detections"]]
        != [_place(old) for old in _old(found, name)]
        for name, value in values.items()
        if isinstance(value, dict)
    )


def _place(label: Mapping[str, Any]) -> tuple[Any, ...]:
    return (label["_id"], label.get("label"), label["bounding_box"], label.get("verdict"))


def _old(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    labels: list[dict[str, Any]] = (found.get(name) or {}).get("detections") or []
    return labels


def _update_plainly(
    bridge: Bridge, contents: Sequence[SampleContent], memory: Mapping[int, Remembered]
) -> set[int]:
    by_sample = {memory[item.image_id].sample_id: item for item in contents}
    view = bridge.dataset.select(list(by_sample))
    for sample in view.iter_samples(autosave=True):
        item = by_sample[sample.id]
        sample["filepath"] = item.filepath
        for name, value in item.values.items():
            sample[name] = value
        for name, labels in item.labels.items():
            sample[name] = writing.plain_labels(labels)
    return {item.image_id for item in contents}


def _remove(bridge: Bridge, image_ids: Sequence[int]) -> None:
    if image_ids:
        memory = bridge.recall(image_ids)
        bridge.dataset.delete_samples([item.sample_id for item in memory.values()])
        bridge.forget(image_ids)
