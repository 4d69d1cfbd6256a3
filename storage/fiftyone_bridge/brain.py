"""Questions that FiftyOne Brain answers, put to the project's dataset. Each returns a sentence, or ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storage.fiftyone_bridge.bridge import Bridge
from storage.fiftyone_bridge.documents import Label, relative_box
from storage.fiftyone_bridge.fields import EMBEDDING, HUMAN, label_id
from storage.fiftyone_bridge.writing import plain_labels

SIMILARITY_KEY = "similar_images"
MAP_KEY = "image_map"
DUPLICATE_TAG = "near duplicate"
DUPLICATES_VIEW = "duplicate images"
# 1 - cosine of vectors less the mean of the set, as FiftyOne has it. Measured on nano, and chosen by
# `sdpt-app bench duplicates`: assets/benchmarks/duplicates says what it finds, and what it does not.
NEAR_DISTANCE = 0.06
_LEAST_FOR_MAP = 3


@dataclass(frozen=True, slots=True)
class Evaluation:
    """COCO-style figures of one field of predictions against the human boxes."""

    field: str
    num_images: int
    mean_ap: float


def set_embeddings(bridge: Bridge, vectors: Mapping[int, Any]) -> Any:
    """Put the vectors on the samples; returns the view of those that have one."""
    import fiftyone as fo

    dataset = bridge.dataset
    if EMBEDDING not in dataset.get_field_schema():
        dataset.add_sample_field(EMBEDDING, fo.VectorField)
    ids, image_ids = dataset.values(["id", "image_id"])
    found = {key: vectors[i] for key, i in zip(ids, image_ids, strict=True) if i in vectors}
    dataset.set_values(EMBEDDING, found, key_field="id")
    return dataset.exists(EMBEDDING)


def index_similarity(bridge: Bridge, view: Any) -> None:
    """'Sort by similarity' in the App, and the Embeddings panel."""
    import fiftyone.brain as fob

    _forget_run(bridge.dataset, SIMILARITY_KEY)
    fob.compute_similarity(view, embeddings=EMBEDDING, brain_key=SIMILARITY_KEY, backend="sklearn")
    if view.count() >= _LEAST_FOR_MAP:
        _forget_run(bridge.dataset, MAP_KEY)
        fob.compute_visualization(
            view, embeddings=EMBEDDING, brain_key=MAP_KEY, method="pca", num_dims=2
        )


def rank_uniqueness(view: Any) -> list[tuple[int, float]]:
    """(image id, uniqueness), the most unlike one first; on the samples too."""
    import fiftyone.brain as fob

    fob.compute_uniqueness(
        view, embeddings=EMBEDDING, uniqueness_field="uniqueness", progress=False
    )
    pairs = zip(*view.values(["image_id", "uniqueness"]), strict=True)
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def tag_duplicates(bridge: Bridge, view: Any) -> int:
    """Tag images that look like another one, and save a view of both; returns how many."""
    import fiftyone.brain as fob

    dataset = bridge.dataset
    dataset.untag_samples(DUPLICATE_TAG)
    index = fob.compute_near_duplicates(view, embeddings=EMBEDDING, threshold=NEAR_DISTANCE)
    duplicates = list(index.duplicate_ids)
    dataset.select(duplicates).tag_samples(DUPLICATE_TAG)
    dataset.save_view(
        DUPLICATES_VIEW,
        dataset.select([*_with_originals(index), *duplicates], ordered=True),
        description="Images that look alike, beside each other.",
        overwrite=True,
    )
    return len(duplicates)


def _with_originals(index: Any) -> list[str]:
    """Ids so that each image is followed by its duplicates."""
    ordered: list[str] = []
    for original, neighbours in (index.neighbors_map or {}).items():
        ordered += [original, *(key for key, _ in neighbours)]
    return list(dict.fromkeys(ordered))


def set_checks(
    bridge: Bridge,
    field: str,
    predictions: Mapping[int, Sequence[Sequence[float]]],
    *,
    names: Mapping[int, str],
    sizes: Mapping[int, tuple[int, int]],
) -> None:
    """Put what a bundle says on labelled images into a field of its own."""
    import fiftyone as fo

    dataset = bridge.dataset
    if field in dataset.get_field_schema():
        dataset.clear_sample_field(field)
    else:
        dataset.add_sample_field(field, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    ids = samples_of(bridge, list(predictions))
    found = {
        ids[image_id]: plain_labels(
            [
                _checked_label(f"{field}-{image_id}-{place}", row, names, sizes[image_id])
                for place, row in enumerate(rows)
                if int(row[4]) in names
            ]
        )
        for image_id, rows in predictions.items()
        if image_id in ids and image_id in sizes
    }
    dataset.set_values(field, found, key_field="id")


def _checked_label(
    key: str, row: Sequence[float], names: Mapping[int, str], size_wh: tuple[int, int]
) -> Label:
    box = relative_box((row[0], row[1], row[2], row[3]), size_wh)
    return Label(label_id(key), names[int(row[4])], box, float(row[5]), {})


def samples_of(bridge: Bridge, image_ids: Sequence[int]) -> dict[int, str]:
    """Sample ids by image id."""
    return {item.image_id: item.sample_id for item in bridge.recall(image_ids).values()}


def evaluate(bridge: Bridge, field: str, image_ids: Sequence[int]) -> Evaluation:
    """Detection metrics with everything that the Model Evaluation panel shows."""
    view = bridge.dataset.select(list(samples_of(bridge, image_ids).values()))
    key = f"eval_{field}"
    if key in bridge.dataset.list_evaluations():
        bridge.dataset.delete_evaluation(key)
    results = view.evaluate_detections(
        field, gt_field=HUMAN, eval_key=key, method="coco", compute_mAP=True, progress=False
    )
    return Evaluation(field, len(view), float(results.mAP()))


def find_mistakes(bridge: Bridge, field: str, image_ids: Sequence[int]) -> int:
    """Mistakenness of human boxes by what a bundle says there; returns how many are likely wrong."""
    import fiftyone.brain as fob
    from fiftyone import ViewField as F

    view = bridge.dataset.select(list(samples_of(bridge, image_ids).values()))
    fob.compute_mistakenness(view, field, label_field=HUMAN, progress=False)
    return int(bridge.dataset.match(F("mistakenness") > 0.5).count())


def _forget_run(dataset: Any, key: str) -> None:
    if dataset.has_brain_run(key):
        dataset.delete_brain_run(key)
