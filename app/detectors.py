"""The detector of a workspace, loaded once per process: loading takes seconds, a job should not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sdpt_engine
from app.settings import choose_backbone
from app.workspace import Workspace
from storage import bundles, projects

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector


class DetectorCache:
    """Holds at most one detector, that of the backbone which the workspace names at the moment."""

    def __init__(self, workspace: Workspace, device: str) -> None:
        self._workspace, self._device = workspace, device
        self._name: str | None = None
        self._detector: Detector | None = None

    def get(self) -> Detector:
        """Raises BackboneUnavailableError, whose text says what to do."""
        name = choose_backbone(self._workspace).name
        if self._detector is None or name != self._name:
            self._detector = None  # free the memory of the old one first
            self._detector = sdpt_engine.load_detector(name, device=self._device)
            self._name = name
            self._remember(self._detector)
        return self._detector

    def _remember(self, detector: Detector) -> None:
        with self._workspace.database.job_write() as tx:
            name = projects.get(tx).backbone
            projects.set_backbone(tx, name or detector.name, detector.digest)
            bundles.zero_shot(tx, detector.name, detector.digest, datetime.now(UTC))
