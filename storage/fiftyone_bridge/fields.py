"""How things are called on FiftyOne's side: dataset, fields, and the ids that tie a label to a row."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from storage.types import Bundle, BundleKind

HUMAN = "human"
CONFLICTS = "conflicts"
ZERO_SHOT = "zero_shot"
EMBEDDING = "embedding"
CHECK_PREFIX = "check_"  # what a bundle says on images that people have labelled
CREATED_PREFIX = "fo-"  # uids of boxes that were drawn in FiftyOne
PROPOSAL_PREFIX = "p"  # uids of proposals: p<prediction id>

# (name, kind) of what each sample carries beside its labels.
SAMPLE_FIELDS = (
    ("image_id", "int"),
    ("relative_path", "str"),
    ("state", "str"),
    ("num_boxes", "int"),
    ("num_waiting", "int"),
    ("uncertainty", "float"),
    ("expected_seconds", "float"),
    ("disagreements", "int"),
    ("missed", "int"),
)
HUMAN_ATTRIBUTES = ("uid", "origin", "author")
PROPOSAL_ATTRIBUTES = ("uid", "bundle", "verdict", "threshold")
_OBJECT_ID_DIGITS = 24


def dataset_name(project: str, key: str) -> str:
    """A name that FiftyOne can put into an address; `key` keeps two projects of a name apart."""
    return f"{_slug(project) or 'images'}-{key[:6]}"


def bundle_fields(bundles: Sequence[Bundle]) -> dict[int, str]:
    """A field name for each bundle, the same ones as long as bundles are only added."""
    found: dict[int, str] = {}
    taken: set[str] = {HUMAN, CONFLICTS, EMBEDDING, *(name for name, _ in SAMPLE_FIELDS)}
    for bundle in sorted(bundles, key=lambda b: b.id):
        base = ZERO_SHOT if bundle.kind is BundleKind.ZERO_SHOT else _slug(bundle.name, "_")
        if not base or base[0].isdigit():
            base = f"bundle_{base}".rstrip("_")
        name = base if base not in taken else f"{base}_{bundle.id}"
        taken.add(name)
        found[bundle.id] = name
    return found


def label_id(uid: str) -> str:
    """FiftyOne's id of the label of this box: always the same, so that pushing again moves nothing."""
    rest = uid.removeprefix(CREATED_PREFIX)
    if rest != uid and _is_object_id(rest):
        return rest
    return hashlib.sha256(uid.encode()).hexdigest()[:_OBJECT_ID_DIGITS]


def uid_of_created(found_label_id: str) -> str:
    """The uid of a box that was drawn in FiftyOne: reading it twice makes one box, not two."""
    return f"{CREATED_PREFIX}{found_label_id}"


def proposal_uid(prediction_id: int) -> str:
    return f"{PROPOSAL_PREFIX}{prediction_id}"


def prediction_id(uid: str) -> int | None:
    """The proposal that a uid names, or None for a box of a person."""
    rest = uid.removeprefix(PROPOSAL_PREFIX)
    return int(rest) if rest != uid and rest.isdecimal() else None


def _slug(text: str, joint: str = "-") -> str:
    return re.sub(r"[^a-z0-9]+", joint, text.lower()).strip(joint)


def _is_object_id(text: str) -> bool:
    return re.fullmatch(rf"[0-9a-f]{{{_OBJECT_ID_DIGITS}}}", text) is not None
