"""The part of a FiftyOneDataset folder that describes its fields, as FiftyOne 1.22 writes it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

VERSION = "1.22.0"
_FIELDS = "fiftyone.core.fields."
_LABEL_ATTRIBUTES = ("label", "mask_path", "uid", "origin")


def metadata(
    classes: Sequence[str], *, label_fields: Sequence[str], info: Mapping[str, Any]
) -> dict[str, Any]:
    """metadata.json of a dataset of images with fields of boxes."""
    name = "sdpt-app"
    digest = hashlib.sha256("\n".join(classes).encode()).hexdigest()[:24]
    return {
        "_id": {"$oid": digest},
        "name": name,
        "slug": name,
        "version": VERSION,
        "persistent": False,
        "media_type": "image",
        "group_media_types": {},
        "tags": [],
        "info": dict(info),
        "app_config": {},
        "classes": {field: list(classes) for field in label_fields},
        "default_classes": list(classes),
        "mask_targets": {},
        "default_mask_targets": {},
        "skeletons": {},
        "sample_fields": [*_own_fields(), *(_boxes(field) for field in label_fields)],
        "frame_fields": [],
        "saved_views": [],
        "workspaces": [],
        "annotation_runs": {},
        "brain_methods": {},
        "evaluations": {},
        "runs": {},
    }


def _own_fields() -> list[dict[str, Any]]:
    sizes = [_field(key, "IntField") for key in ("size_bytes", "width", "height", "num_channels")]
    return [
        _field("id", "ObjectIdField", db_field="_id"),
        _field("filepath", "StringField"),
        _field("tags", "ListField", subfield="StringField"),
        _field(
            "metadata",
            "EmbeddedDocumentField",
            document="fiftyone.core.metadata.ImageMetadata",
            fields=[*sizes, _field("mime_type", "StringField")],
        ),
        _field("created_at", "DateTimeField", is_read_only=True),
        _field("last_modified_at", "DateTimeField", is_read_only=True),
        _field("_media_type", "StringField"),
        _field("_rand", "FloatField"),
        _field("_dataset_id", "ObjectIdField"),
        _field("image_id", "IntField"),
        _field("relative_path", "StringField"),
        _field("reviewed", "BooleanField"),
    ]


def _boxes(name: str) -> dict[str, Any]:
    inner = [
        _field("id", "ObjectIdField", db_field="_id"),
        _field("tags", "ListField", subfield="StringField"),
        _field(
            "attributes",
            "DictField",
            subfield="EmbeddedDocumentField",
            document="fiftyone.core.labels.Attribute",
        ),
        *(_field(key, "StringField") for key in _LABEL_ATTRIBUTES),
        _field("bounding_box", "ListField", subfield="FloatField"),
        _field("mask", "ArrayField"),
        _field("confidence", "FloatField"),
        _field("index", "IntField"),
    ]
    detections = _field(
        "detections",
        "ListField",
        subfield="EmbeddedDocumentField",
        document="fiftyone.core.labels.Detection",
        fields=inner,
    )
    return _field(
        name,
        "EmbeddedDocumentField",
        document="fiftyone.core.labels.Detections",
        fields=[detections],
    )


def _field(
    name: str,
    kind: str,
    *,
    subfield: str | None = None,
    document: str | None = None,
    fields: Sequence[Mapping[str, Any]] = (),
    db_field: str | None = None,
    is_read_only: bool = False,
) -> dict[str, Any]:
    return {
        "name": name,
        "ftype": f"{_FIELDS}{kind}",
        "embedded_doc_type": document,
        "subfield": None if subfield is None else f"{_FIELDS}{subfield}",
        "fields": list(fields),
        "db_field": db_field or name,
        "description": None,
        "info": None,
        "read_only": is_read_only,
        "created_at": None,
    }
