"""Frozen detectors behind one Protocol, by name: `nano`, a Hugging Face id, or a folder."""

from __future__ import annotations

from pathlib import Path

from sdpt_engine.availability import SHIPPED_PX
from sdpt_engine.backbones.base import Detector
from sdpt_engine.backbones.hub import load_from_hub_or_folder
from sdpt_engine.backbones.nano import is_nano_folder, load_nano
from sdpt_engine.device import resolve_device


def nano_folder() -> Path:
    """Where the shipped nano backbone lies, in a source tree and in an installed wheel alike."""
    return Path(__file__).resolve().parents[2] / "assets" / "backbones" / "nano"


def load_detector(name: str, *, device: str = "auto") -> Detector:
    """Load the detector `name` onto `device` (auto, cpu, cuda, cuda:N).

    `name` is "nano", "nano-448" (the same, which looks closer and takes twice the time), a Hugging Face id such as
    IDEA-Research/grounding-dino-tiny, or a folder written by `save_pretrained`, by `build_nano` or, for GLIP, by
    `sdpt-app doctor --convert-glip`. Raises BackboneUnavailableError, which says what to do.
    """
    place = resolve_device(device)
    if name in SHIPPED_PX:
        return load_nano(nano_folder(), place, name=name, longest_px=SHIPPED_PX[name])
    if is_nano_folder(Path(name)):
        return load_nano(Path(name), place, name=name)
    return load_from_hub_or_folder(name, place)
