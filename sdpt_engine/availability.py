"""Whether a detector is here or to be had, found out without loading torch or transformers."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache

CONFIG_FILE = "config.json"
SHIPPED_PX = {"nano": 320, "nano-448": 448}
"""Detectors that come with the package, and the longest side in pixels that each sees an image at."""
_WEIGHT_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


def is_available_locally(name: str) -> bool:
    """Whether the weights of `name` come with the package, or lie in a folder or in the local cache."""
    if name in SHIPPED_PX:
        return True
    folder = Path(name)
    if folder.is_dir():
        return (folder / CONFIG_FILE).is_file()
    return name.count("/") == 1 and any(
        isinstance(try_to_load_from_cache(name, file), str) for file in _WEIGHT_FILES
    )


def can_download(name: str, *, timeout_s: float = 3.0) -> bool:
    """Whether the hub answers for `name` now. Asks once, briefly; never in offline mode."""
    if constants.HF_HUB_OFFLINE or name.count("/") != 1:
        return False
    request = urllib.request.Request(hf_hub_url(name, CONFIG_FILE), method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return bool(answer.status == 200)
    except OSError:  # no network, no such model, no permission
        return False
