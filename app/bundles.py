"""Which prompt is meant by a word of a person, and how it is put into use."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sdpt_engine
from app.convert import object_classes
from app.errors import BundleChoiceError
from app.workspace import Workspace
from storage import bundles, categories
from storage.database import Transaction
from storage.types import Bundle, BundleKind

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector
    from sdpt_engine.bundle import PromptBundle
    from sdpt_engine.predictor import Predictor

BEST = "best"
ZERO_SHOT = "zero-shot"


def resolve_bundle(workspace: Workspace, asked: str) -> Bundle | None:
    """The bundle that a person named; None means the detector without a prompt.

    'best' is the bundle in use. Anything else is an id or a name.
    """
    with workspace.database.read() as tx:
        if asked == BEST:
            found = bundles.adopted(tx)
        elif asked == ZERO_SHOT:
            found = None
        else:
            found = _named(tx, asked)
    if found is not None and found.kind is BundleKind.ZERO_SHOT:
        return None
    if found is not None and found.folder is None:
        raise BundleChoiceError(
            f"Bundle {found.id} ('{found.name}') holds imported boxes, not a prompt. "
            "Name a tuned bundle, 'best' or 'zero-shot'."
        )
    return found


def load_prompt(workspace: Workspace, bundle: Bundle) -> PromptBundle:
    """Read the bundle's files. Raises BundleError when they are missing or broken."""
    assert bundle.folder is not None, "only tuned bundles have files"
    return sdpt_engine.PromptBundle.load(workspace.state_dir / bundle.folder)


def load_predictor(
    workspace: Workspace,
    detector: Detector,
    bundle: Bundle | None,
    *,
    min_score: float = 0.05,
    as_judged: bool = False,
) -> Predictor:
    """A predictor of the current classes; `as_judged` it has learnt nothing from its held-out images.

    Raises BundleError for a foreign or broken bundle.
    """
    with workspace.database.read() as tx:
        classes = object_classes(categories.list_all(tx))
    prompt = None if bundle is None else load_prompt(workspace, bundle)
    if prompt is not None and as_judged:
        prompt = prompt.as_judged
    return sdpt_engine.Predictor(detector, classes, prompt, min_score=min_score)


def adopt_bundle(workspace: Workspace, bundle_id: int, at: datetime) -> Bundle:
    """Make it the bundle that 'best' means."""
    with workspace.database.write() as tx:
        return bundles.adopt(tx, bundle_id, at)


def list_bundles(workspace: Workspace) -> list[Bundle]:
    """All bundles, oldest first."""
    with workspace.database.read() as tx:
        return bundles.list_all(tx)


def _named(tx: Transaction, asked: str) -> Bundle:
    known = bundles.list_all(tx)
    found = [b for b in known if asked in (str(b.id), b.name)]
    if not found:
        names = ", ".join(f"{b.id} ('{b.name}')" for b in known) or "none yet"
        raise BundleChoiceError(
            f"Bundle '{asked}' was asked for, but the bundles are: {names}. "
            "Name one of them by id or name, or say 'best' or 'zero-shot'."
        )
    return found[0]
