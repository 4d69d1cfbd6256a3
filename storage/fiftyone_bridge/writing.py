"""Two ways to write a sample: FiftyOne's own, and the same document straight into its collection.

The second is an order of magnitude faster and uses private names, so it is taken only with a version that was
tried, and only after a probe: one sample written both ways must give the same document, key for key.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from storage.fiftyone_bridge.dataset import declare_fields
from storage.fiftyone_bridge.documents import Label, SampleContent

log = logging.getLogger(__name__)

TRIED_VERSIONS = ("1.22.",)


def fast_path_fits() -> bool:
    """Whether documents may be written directly; why not is in the log."""
    import fiftyone as fo

    if not fo.__version__.startswith(TRIED_VERSIONS):
        log.warning("FiftyOne %s was not tried: samples are written the slow way", fo.__version__)
        return False
    probe = fo.Dataset(f"sdpt-probe-{uuid4().hex[:8]}")
    try:
        declare_fields(probe, ["probe"])
        content = _probe_content()
        add_plainly(probe, [content])
        (written,) = probe._sample_collection.find()
        wanted = raw_sample(content, probe, now())
        fits = _same_shape(written, wanted)
    finally:
        probe.delete()
    if not fits:
        log.warning("FiftyOne's documents look different: samples are written the slow way")
    return fits


def now() -> datetime:
    """MongoDB keeps milliseconds; what is compared later must not hold more."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=None)


def raw_sample(content: SampleContent, dataset: Any, at: datetime) -> dict[str, Any]:
    """The whole document of a new sample."""
    import bson

    return {
        "_id": bson.ObjectId(),
        "_dataset_id": dataset._doc.id,
        "_media_type": "image",
        "_rand": random.random(),
        "created_at": at,
        "last_modified_at": at,
        "filepath": content.filepath,
        "tags": [],
        "metadata": {
            "_cls": "ImageMetadata",
            "size_bytes": content.size_bytes,
            "mime_type": None,
            "width": content.size_wh[0],
            "height": content.size_wh[1],
            "num_channels": None,
        },
        **content.values,
        **{name: raw_labels(labels) for name, labels in content.labels.items()},
    }


def raw_labels(
    labels: Sequence[Label],
    before: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    slack: float = 0.0,
) -> dict[str, Any]:
    """A field of labels. What FiftyOne added to a label since (an evaluation, a tag) stays on it.

    A box that differs by less than `slack` stays as it is there: rows keep fewer digits.
    """
    kept = before or {}
    made = [_raw_label(label, kept.get(label.id, {}), slack) for label in labels]
    return {"_cls": "Detections", "detections": made}


def _raw_label(label: Label, before: Mapping[str, Any], slack: float) -> dict[str, Any]:
    import bson

    box = label.bounding_box
    old = before.get("bounding_box") or []
    if len(old) == len(box) and all(abs(a - b) < slack for a, b in zip(old, box, strict=True)):
        box = old
    return {
        "attributes": {},
        "tags": [],
        **before,
        "_id": bson.ObjectId(label.id),
        "_cls": "Detection",
        "label": label.name,
        "bounding_box": box,
        **({} if label.confidence is None else {"confidence": label.confidence}),
        **label.attributes,
    }


def add_plainly(dataset: Any, contents: Sequence[SampleContent]) -> list[str]:
    """New samples by FiftyOne's public interface; returns their ids."""
    import fiftyone as fo

    samples = [
        fo.Sample(
            filepath=content.filepath,
            metadata=fo.ImageMetadata(
                size_bytes=content.size_bytes,
                width=content.size_wh[0],
                height=content.size_wh[1],
            ),
            **content.values,
            **{name: plain_labels(labels) for name, labels in content.labels.items()},
        )
        for content in contents
    ]
    ids: list[str] = dataset.add_samples(samples, dynamic=False, progress=False)
    return ids


def plain_labels(labels: Sequence[Label]) -> Any:
    import fiftyone as fo

    return fo.Detections(detections=[_plain_label(label) for label in labels])


def _plain_label(label: Label) -> Any:
    import bson
    import fiftyone as fo

    confidence = {} if label.confidence is None else {"confidence": label.confidence}
    made = fo.Detection(
        label=label.name, bounding_box=label.bounding_box, **confidence, **label.attributes
    )
    made._id = bson.ObjectId(label.id)
    return made


def _probe_content() -> SampleContent:
    label = Label("0" * 24, "probe", [0.1, 0.2, 0.3, 0.4], 0.5, {"uid": "probe"})
    return SampleContent(
        image_id=1,
        filepath="/probe.jpg",
        size_wh=(4, 3),
        size_bytes=1,
        values={"image_id": 1, "relative_path": "probe.jpg"},
        labels={"human": [label], "probe": [label]},
        base={},
    )


def _same_shape(written: Any, wanted: Any) -> bool:
    """The same keys all the way down, but for empty ones, which FiftyOne may leave out."""
    if isinstance(written, dict) and isinstance(wanted, dict):
        keys = {k for k, v in written.items() if v is not None}
        return keys == {k for k, v in wanted.items() if v is not None} and all(
            _same_shape(written[key], wanted[key]) for key in keys
        )
    if isinstance(written, list) and isinstance(wanted, list):
        return len(written) == len(wanted) and all(map(_same_shape, written, wanted))
    return type(written) is type(wanted)
