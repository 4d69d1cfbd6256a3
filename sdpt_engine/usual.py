"""How each detector is tuned as long as nobody says otherwise."""

from __future__ import annotations

from sdpt_engine.availability import SHIPPED_PX
from sdpt_engine.types import TuneConfig


def usual_config(name: str) -> TuneConfig:
    """For the detector of that name. One that ships is small and quick: it affords more steps and views, two prompts.

    Its numbers were chosen on training images of the shipped sets.
    """
    if name not in SHIPPED_PX:
        return TuneConfig()
    return TuneConfig(steps=300, num_zooms=4, num_pastes=4, num_prompts=2)
