"""Loading Grounding DINO and MM-Grounding-DINO from the local cache, a folder, or the hub."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForZeroShotObjectDetection,
    AutoTokenizer,
    GroundingDinoImageProcessorPil,
)

from sdpt_engine.backbones.base import Detector
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.errors import BackboneUnavailableError
from sdpt_engine.types import Pixels

_KNOWN_FAMILIES = ("grounding-dino", "mm-grounding-dino")
_CONFIG_FILE = "config.json"
_WEIGHT_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


def load_from_hub_or_folder(name: str, device: torch.device) -> Detector:
    """Load `name`; only what is not on this machine yet is asked of the hub."""
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


def is_available_locally(name: str) -> bool:
    """Whether a folder or the local cache holds the weights of `name`."""
    folder = Path(name)
    if folder.is_dir():
        return (folder / _CONFIG_FILE).is_file()
    return "/" in name and any(
        isinstance(try_to_load_from_cache(name, file), str) for file in _WEIGHT_FILES
    )


def can_download(name: str, *, timeout_s: float = 3.0) -> bool:
    """Whether the hub answers for `name` just now. Asks once, briefly; never when offline mode is set."""
    if constants.HF_HUB_OFFLINE or name.count("/") != 1:
        return False
    request = urllib.request.Request(hf_hub_url(name, _CONFIG_FILE), method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return bool(answer.status == 200)
    except OSError:  # no network, no such model, no permission
        return False


def _require_known_family(name: str, family: str) -> None:
    if family not in _KNOWN_FAMILIES:
        raise BackboneUnavailableError(
            f"Backbone '{name}' is a '{family}' model; SDPT here works on {', '.join(_KNOWN_FAMILIES)}."
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
