"""A FiftyOneDataset folder, out and in, without FiftyOne: metadata.json, samples.json, and data/ with links.

Written from the same document as COCO, so both say the same, and a second export is the same to the byte.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.errors import ExportError
from storage.fiftyone_bridge import schema
from storage.fiftyone_bridge.fields import HUMAN, label_id
from storage.folders import link, swap

PROPOSED = "proposed"
_MARK = "sdpt-app"


def write_fiftyone(directory: Path, document: Mapping[str, Any], *, data_root: Path) -> None:
    """Write a COCO document (see `coco.export_document`) as such a folder, whole or not at all.

    Human boxes are the field 'human'; proposals that were asked for are the field 'proposed'.
    """
    is_replaced = _refuse_foreign(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        try:
            _fill(scratch, document, data_root.resolve())
            scratch.chmod(0o755)
            swap(scratch, directory, is_replaced)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise ExportError(
            f"The FiftyOne folder '{directory}' cannot be written: {error.strerror}. "
            "Name another folder."
        ) from error


def _fill(scratch: Path, document: Mapping[str, Any], data_root: Path) -> None:
    names = {c["id"]: c["name"] for c in document["categories"]}
    boxes: dict[int, list[Mapping[str, Any]]] = {i["id"]: [] for i in document["images"]}
    for entry in document["annotations"]:
        boxes[entry["image_id"]].append(entry)
    lines = []
    for image in document["images"]:
        link(scratch / "data" / image["file_name"], data_root / image["file_name"])
        lines.append(_compact(_sample(image, boxes[image["id"]], names)))
    text = '{"samples": [\n' + ",\n".join(lines) + "\n]}\n"
    (scratch / "samples.json").write_text(text, encoding="utf-8", newline="\n")
    metadata = schema.metadata(
        list(names.values()), label_fields=[HUMAN, PROPOSED], info={"written_by": _MARK}
    )
    text = json.dumps(metadata, ensure_ascii=False, indent=1)
    (scratch / "metadata.json").write_text(f"{text}\n", encoding="utf-8", newline="\n")


def _sample(
    image: Mapping[str, Any], entries: list[Mapping[str, Any]], names: Mapping[int, str]
) -> dict[str, Any]:
    path = image["file_name"]
    digest = hashlib.sha256(path.encode()).digest()
    size = (image["width"], image["height"])
    human = [e for e in entries if "uid" in e["attributes"]]
    proposed = [e for e in entries if "uid" not in e["attributes"]]
    return {
        "_id": {"$oid": digest[:12].hex()},
        "filepath": f"data/{path}",
        "tags": [],
        "_media_type": "image",
        "_rand": int.from_bytes(digest[:6], "big") / 2**48,
        "metadata": {"_cls": "ImageMetadata", "width": size[0], "height": size[1]},
        "image_id": image["id"],
        "relative_path": path,
        "reviewed": image["reviewed"],
        HUMAN: _detections(human, names, size),
        PROPOSED: _detections(proposed, names, size),
    }


def _detections(
    entries: list[Mapping[str, Any]], names: Mapping[int, str], size_wh: tuple[int, int]
) -> dict[str, Any]:
    return {"_cls": "Detections", "detections": [_detection(e, names, size_wh) for e in entries]}


def _detection(
    entry: Mapping[str, Any], names: Mapping[int, str], size_wh: tuple[int, int]
) -> dict[str, Any]:
    x, y, width, height = entry["bbox"]
    attributes = entry["attributes"]
    uid = attributes.get("uid", f"p{entry['id']}")
    score = {"confidence": attributes["score"]} if "score" in attributes else {}
    return {
        "_id": {"$oid": label_id(uid)},
        "_cls": "Detection",
        "attributes": {},
        "tags": [],
        "label": names[entry["category_id"]],
        "bounding_box": [
            x / size_wh[0],
            y / size_wh[1],
            width / size_wh[0],
            height / size_wh[1],
        ],
        **score,
        "uid": uid,
        "origin": attributes["origin"],
    }


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _refuse_foreign(directory: Path) -> bool:
    """Whether something is to be replaced; raises unless that is empty or an export of ours."""
    if not directory.exists():
        return False
    if not directory.is_dir():
        raise ExportError(f"'{directory}' is a file; a FiftyOne export needs a folder.")
    if not any(directory.iterdir()) or _is_ours(directory / "metadata.json"):
        return True
    raise ExportError(
        f"'{directory}' holds files that are no FiftyOne export of sdpt-app; they are left alone. "
        "Name an empty or a new folder."
    )


def _is_ours(metadata: Path) -> bool:
    try:
        document = json.loads(metadata.read_text(encoding="utf-8"))
        return bool(document["info"]["written_by"] == _MARK)
    except (OSError, ValueError, KeyError, TypeError):
        return False
