"""Loading Grounding DINO and MM-Grounding-DINO from the local cache, a folder, or the hub, and GLIP from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForZeroShotObjectDetection,
    AutoTokenizer,
    GroundingDinoImageProcessorPil,
)

from sdpt_engine.availability import can_download, is_available_locally
from sdpt_engine.backbones.base import Detector
from sdpt_engine.backbones.glip.config import is_glip_folder
from sdpt_engine.backbones.glip.detector import load_glip
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.errors import BackboneUnavailableError
from sdpt_engine.types import Pixels

_KNOWN_FAMILIES = ("grounding-dino", "mm-grounding-dino")


def load_from_hub_or_folder(name: str, device: torch.device) -> Detector:
    """Load `name`; only what is not on this machine yet is asked of the hub."""
    if is_glip_folder(Path(name)):
        return load_glip(name, device)
    is_local = Path(name).is_dir() or is_available_locally(name)
    if not is_local and not can_download(name):  # transformers would retry for half a minute
        raise _unavailable(name, "the hub does not answer for it")
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=is_local)
        _require_known_family(name, config.model_type)
        model = AutoModelForZeroShotObjectDetection.from_pretrained(name, local_files_only=is_local)
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=is_local)
        preprocess = _preprocessing(name, is_local)
    except (OSError, ValueError) as error:
        raise _unavailable(name, str(error).splitlines()[0]) from error
    return GroundingDinoDetector(name, model, tokenizer, preprocess, device)


def _unavailable(name: str, reason: str) -> BackboneUnavailableError:
    return BackboneUnavailableError(
        f"Backbone '{name}' is neither on this machine nor can it be downloaded ({reason}). Connect "
        "once to download it, name a folder written by save_pretrained, or use --backbone nano."
    )


def _require_known_family(name: str, family: str) -> None:
    if family not in _KNOWN_FAMILIES:
        raise BackboneUnavailableError(
            f"Backbone '{name}' is a '{family}' model; SDPT here works on {', '.join(_KNOWN_FAMILIES)}, "
            "and on folders of glip."
        )


def _preprocessing(name: str, is_local: bool) -> Any:
    try:
        processor = GroundingDinoImageProcessorPil.from_pretrained(name, local_files_only=is_local)
    except OSError:  # a folder with weights only: the published settings are the default
        processor = GroundingDinoImageProcessorPil()

    def preprocess(image: Pixels) -> Tensor:
        pixels: Tensor = processor(image, return_tensors="pt")["pixel_values"][0]
        return pixels

    return preprocess
