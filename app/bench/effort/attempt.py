"""A person and a machine at one workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.bench.effort.desk import Desk
from app.bench.effort.machine import Machine, TuneRun, ap50_of_proposals
from app.bundles import BEST
from app.inference import PredictRequest
from app.tuning import TuneRequest
from storage import projects


@dataclass(slots=True)
class Attempt:
    """One set that is being labelled in one way, and what was tuned so far."""

    desk: Desk
    machine: Machine
    request: TuneRequest
    num_first: int  # images drawn by hand before the one tuning of `tuned_once`
    tunings: list[TuneRun] = field(default_factory=list)

    @property
    def has_proposals(self) -> bool:
        """Whether anything was pre-labelled yet."""
        return self._shown_bundle() is not None

    def prelabel(self, bundle: str = BEST) -> None:
        """Run a bundle on what is still to do."""
        self.desk.press()
        self.machine.prelabel(PredictRequest(bundle=bundle))
        self.desk.meet_new_proposals()

    def tune(self) -> Mapping[str, Any]:
        """Press Tune, which pre-labels what is still to do where it brings a new prompt; what the job says."""
        before = self.machine.seconds
        self.desk.press()
        result = self.machine.tune(self.request)
        if result["adopted"]:
            self.desk.meet_new_proposals()
        elif not self.has_proposals:
            self.prelabel()
        bundle_id = self._shown_bundle()
        assert bundle_id is not None, "pre-labelled above"
        self.tunings.append(
            TuneRun(
                num_images=len(self.desk.truth) - len(self.desk.remaining),
                is_adopted=bool(result["adopted"]),
                ap50=ap50_of_proposals(
                    self.desk.workspace,
                    bundle_id,
                    {i: self.desk.truth[i] for i in self.desk.remaining},
                    class_ids=self.desk.class_ids,
                ),
                machine_s=self.machine.seconds - before,
            )
        )
        return result

    def _shown_bundle(self) -> int | None:
        with self.desk.workspace.database.read() as tx:
            return projects.get(tx).prelabel_bundle_id
