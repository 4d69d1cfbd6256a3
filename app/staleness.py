"""Bundles that were tuned with other prompt texts than the classes have now.

A tuned prompt belongs to the words it was tuned with. It is asked of the bundle's own files, so that a text that
is changed back makes the bundle fresh again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.workspace import Workspace
from sdpt_engine.bundle import MANIFEST_NAME
from storage import bundles, categories
from storage.types import Bundle, Category


def stale_bundles(workspace: Workspace) -> dict[int, str]:
    """Why a bundle is stale, by its id; fresh ones, and those without files, are left out."""
    with workspace.database.read() as tx:
        known = bundles.list_all(tx)
        classes = {c.id: c for c in categories.list_all(tx)}
    found = {bundle.id: _why(workspace, bundle, classes) for bundle in known}
    return {bundle_id: why for bundle_id, why in found.items() if why is not None}


def stale_sentences(workspace: Workspace) -> list[str]:
    """One sentence per stale bundle, the one in use first."""
    stale = stale_bundles(workspace)
    with workspace.database.read() as tx:
        known = [b for b in bundles.list_all(tx) if b.id in stale]
    known.sort(key=lambda b: (b.adopted_at is None, -b.id))
    return [
        f"Bundle '{b.name}'{' (in use)' if b.adopted_at else ''} is stale: {stale[b.id]}. Tune again."
        for b in known
    ]


def _why(workspace: Workspace, bundle: Bundle, classes: dict[int, Category]) -> str | None:
    if bundle.folder is None:
        return None
    tuned = _tuned_classes(workspace.state_dir / bundle.folder / MANIFEST_NAME)
    parts = [
        f"'{classes[item['id']].name}' was tuned as '{item['prompt_text']}' and is "
        f"'{classes[item['id']].prompt_text}' now"
        for item in tuned
        if item["id"] in classes and classes[item["id"]].prompt_text != item["prompt_text"]
    ]
    return "; ".join(parts) or None


def _tuned_classes(manifest: Path) -> list[dict[str, Any]]:
    """Empty for a bundle whose files are gone: whoever uses it is told that in its own words."""
    if not manifest.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))["categories"]
    return found
