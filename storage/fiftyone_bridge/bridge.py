"""The opened dataset together with what is remembered about it: when, and as what, each box was pushed.

The memory lies in a collection of its own beside the dataset. It must not lie on the samples: the App writes
whole samples back, so an edit there could bring back an old memory.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from storage.fiftyone_bridge.writing import fast_path_fits

log = logging.getLogger(__name__)

FORMAT = 1
OVERLAP = timedelta(seconds=2)  # writes that began earlier may end later
_ABOUT_ID = "about"


@dataclass(frozen=True, slots=True)
class Remembered:
    """One image as it was last pushed. `boxes`: label id -> (uid, revision) of its human boxes."""

    image_id: int
    sample_id: str
    fingerprint: str
    boxes: Mapping[str, tuple[str, int]]

    def document(self) -> dict[str, Any]:
        return {
            "_id": self.image_id,
            "sample": self.sample_id,
            "fingerprint": self.fingerprint,
            "boxes": {key: list(value) for key, value in self.boxes.items()},
        }


@dataclass(frozen=True, slots=True)
class Look:
    """One look for edits: the newest change that it saw, and the change of each sample around then."""

    until: datetime | None
    seen: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class About:
    """`catalogue` is the key of what all samples were written with; its classes and fields by name."""

    catalogue: str
    names: Mapping[str, int]
    fields: Mapping[str, int]


class Bridge:
    """A project's dataset in FiftyOne's database."""

    def __init__(self, dataset: Any, memory: Any, data_dir: Path, *, is_fast: bool) -> None:
        self.dataset, self.data_dir, self.is_fast = dataset, data_dir, is_fast
        self._memory = memory
        self._seen_process: Any = None
        # sample id -> its last_modified_at, as we wrote it and as we have read it
        self.own_writes: dict[str, datetime] = {}
        self.seen: dict[str, datetime] = {}
        self.pulled_until: datetime | None = self._about().get("pulled_until")

    def is_known(self, sample_id: str, modified_at: datetime) -> bool:
        """Whether that state of a sample is one that we wrote, or have read and taken in."""
        if modified_at in (self.own_writes.get(sample_id), self.seen.get(sample_id)):
            return True
        return self.pulled_until is not None and modified_at <= self.pulled_until - OVERLAP

    @staticmethod
    def open(name: str, data_dir: Path, *, is_fast: bool | None = None) -> Bridge:
        """The dataset of that name; made, or made anew when another version of us wrote it.

        `is_fast` None: find out by a probe whether documents may be written directly.
        """
        import fiftyone as fo
        import fiftyone.core.odm as foo

        memory = foo.get_db_conn()[f"sdpt.{name}"]
        about = memory.find_one({"_id": _ABOUT_ID})
        is_usable = about is not None and about.get("format") == FORMAT
        if fo.dataset_exists(name) and not is_usable:
            log.info("dataset '%s' is of another version; it is built anew", name)
            fo.delete_dataset(name)
        if not fo.dataset_exists(name):
            memory.drop()
            memory.insert_one({"_id": _ABOUT_ID, "format": FORMAT, "catalogue": ""})
            fo.Dataset(name, persistent=True)
        is_direct = fast_path_fits() if is_fast is None else is_fast
        return Bridge(fo.load_dataset(name), memory, data_dir, is_fast=is_direct)

    @property
    def collection(self) -> Any:
        return self.dataset._sample_collection

    def repair_counts(self) -> bool:
        """Right the number of samples after mongod was killed; True when there was something to right.

        The samples are journalled, their number is not: a killed mongod comes back with all of them,
        says that there are none, and the App then shows an empty dataset.
        """
        import fiftyone.core.odm as foo

        connection = foo.get_db_conn()
        process = connection.client.admin.command("hello").get("topologyVersion", {})
        if process.get("processId") == self._seen_process:
            return False
        self._seen_process = process.get("processId")
        collection = self.collection
        if collection.estimated_document_count() == collection.count_documents({}):
            return False
        connection.command("validate", collection.name)
        return True

    def about(self) -> About:
        found = self._about()
        pairs = [dict(found.get(key, [])) for key in ("names", "fields")]
        return About(found["catalogue"], *pairs)

    def remember_about(self, about: About) -> None:
        # Pairs: a class may be called "a.b" or "$", which are no keys for MongoDB.
        values = {
            "catalogue": about.catalogue,
            "names": [list(pair) for pair in about.names.items()],
            "fields": [list(pair) for pair in about.fields.items()],
        }
        self._memory.update_one({"_id": _ABOUT_ID}, {"$set": values})

    def proposal_fields(self) -> list[str]:
        """The fields of the bundles that were pushed."""
        return list(self.about().fields)

    def field_of(self, bundle_id: int | None) -> str | None:
        """The field that holds this bundle's proposals, if any were pushed."""
        found = (name for name, key in self.about().fields.items() if key == bundle_id)
        return next(found, None)

    def remember_pull(self, look: Look) -> None:
        """Everything that this look found is in SQLite now."""
        self.seen = dict(look.seen)
        if look.until is not None and look.until != self.pulled_until:
            self.pulled_until = look.until
            self._memory.update_one({"_id": _ABOUT_ID}, {"$set": {"pulled_until": look.until}})

    def _about(self) -> dict[str, Any]:
        found: dict[str, Any] = self._memory.find_one({"_id": _ABOUT_ID})
        return found

    def fingerprints(self) -> dict[int, str]:
        """Of everything that was pushed, by image id."""
        found = self._memory.find({"_id": {"$ne": _ABOUT_ID}}, {"fingerprint": 1})
        return {item["_id"]: item["fingerprint"] for item in found}

    def recall(self, image_ids: Iterable[int]) -> dict[int, Remembered]:
        found = self._memory.find({"_id": {"$in": list(image_ids)}})
        return {
            item["_id"]: Remembered(
                item["_id"],
                item["sample"],
                item["fingerprint"],
                {key: (value[0], int(value[1])) for key, value in item["boxes"].items()},
            )
            for item in found
        }

    def remember(self, items: Iterable[Remembered]) -> None:
        """After the sample is written: until then the older memory is the right one."""
        from pymongo import ReplaceOne

        changes = [ReplaceOne({"_id": i.image_id}, i.document(), upsert=True) for i in items]
        if changes:
            self._memory.bulk_write(changes, ordered=False)

    def remember_new(self, items: Iterable[Remembered]) -> None:
        documents = [item.document() for item in items]
        if documents:
            self._memory.insert_many(documents, ordered=False)

    def forget(self, image_ids: Iterable[int]) -> None:
        self._memory.delete_many({"_id": {"$in": list(image_ids)}})
