"""The nano backbone: a small MM-Grounding-DINO that ships with the project, for work without a network.

Its encoders (EfficientNet-Lite0, MiniLM) are frozen and lie in their own shards, apart from the trained part.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    BertTokenizer,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    SwinConfig,
)

from sdpt_engine.backbones.efficientnet_lite import (
    EfficientNetLite0,
    in_full_precision,
    load_folded,
)
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.errors import BackboneUnavailableError
from sdpt_engine.types import Pixels

INPUT_PX = 320
CELL_PX = 32
_LEVEL_CHANNELS = (272, 320)  # stride 16: 112 + 4 * 40 of stride 8; stride 32


class NanoImageEncoder(nn.Module):
    """Stands where transformers has its convolutional encoder: pixels to (map, mask) per level.

    Maps [B, 272, h/16, w/16] and [B, 320, h/32, w/32].
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLite0()

    def forward(self, pixels: Tensor, mask: Tensor) -> list[tuple[Tensor, Tensor]]:
        stride8, stride16, stride32 = self.network(pixels)
        # Small objects live in the stride-8 map; its four phases become channels at stride 16.
        middle = torch.cat((stride16, F.pixel_unshuffle(stride8, 2)), dim=1)
        sizes = [level.shape[-2:] for level in (middle, stride32)]
        masks = [F.interpolate(mask[None].float(), size=size)[0].bool() for size in sizes]
        return list(zip((middle, stride32), masks, strict=True))


def is_nano_folder(folder: Path) -> bool:
    """Whether `folder` holds nano's shards."""
    return all((folder / name).is_file() for name in _SHARDS)


def load_nano(
    folder: Path, device: torch.device, *, name: str = "nano", longest_px: int = INPUT_PX
) -> GroundingDinoDetector:
    """The detector in `folder`, which sees images `longest_px` long.

    The folder holds config.json, vocab.txt, three shards, and words.safetensors where words were taught.
    """
    missing = [n for n in ("config.json", "vocab.txt", *_SHARDS) if not (folder / n).is_file()]
    if missing:
        raise BackboneUnavailableError(
            f"The nano backbone in '{folder}' is incomplete: {missing} missing. Install sdpt-app again."
        )
    model = empty_nano(folder)
    base: Any = model.model
    base.backbone.conv_encoder.network = load_folded(folder / "image_encoder.safetensors")
    base.text_backbone.load_state_dict(_shard(folder, "text_encoder"), strict=False)
    if (folder / WORDS_NAME).is_file():
        _put_words(base.text_backbone.get_input_embeddings(), load_file(folder / WORDS_NAME))
    trained = _shard(folder, "trained")
    unknown = model.load_state_dict(trained, strict=False).unexpected_keys
    if unknown:
        raise BackboneUnavailableError(
            f"'{folder}/trained.safetensors' has foreign keys {unknown[:3]}."
        )
    tokenizer = BertTokenizer(str(folder / "vocab.txt"))
    preprocess = partial(fit_to_input, longest_px=longest_px)
    return GroundingDinoDetector(name, model, tokenizer, preprocess, device)


_SHARDS = ("image_encoder.safetensors", "text_encoder.safetensors", "trained.safetensors")
WORDS_NAME = "words.safetensors"


@torch.no_grad()
def _put_words(embeddings: nn.Embedding, words: dict[str, Tensor]) -> None:
    """Rows of the word embeddings that were taught; ids int64 [R], vectors [R, text encoder width]."""
    embeddings.weight[words["ids"]] = words["vectors"].float()


def is_trained_part(name: str) -> bool:
    """Whether a parameter of the model is trained here, and not one of the two encoders'."""
    return not name.startswith(("model.backbone.", "model.text_backbone."))


def empty_nano(folder: Path) -> MMGroundingDinoForObjectDetection:
    """The random detector of the sizes in the folder's config.json."""
    config = MMGroundingDinoConfig.from_json_file(str(folder / "config.json"))
    # transformers insists on a backbone of its own; the smallest one is built and replaced.
    config.backbone_config = SwinConfig(
        image_size=32,
        embed_dim=4,
        depths=[1, 1],
        num_heads=[1, 1],
        out_features=["stage1", "stage2"],
    )
    model = MMGroundingDinoForObjectDetection(config)
    base: Any = model.model
    base.backbone.conv_encoder = NanoImageEncoder()
    channels = (*_LEVEL_CHANNELS, _LEVEL_CHANNELS[-1])
    for number, kernel in enumerate((1, 1, 3)):
        base.input_proj_vision[number][0] = nn.Conv2d(
            channels[number],
            config.d_model,
            kernel,
            stride=1 if kernel == 1 else 2,
            padding=kernel // 2,
        )
    return model


def _shard(folder: Path, name: str) -> dict[str, Tensor]:
    return in_full_precision(load_file(folder / f"{name}.safetensors"))


def fit_to_input(image: Pixels, longest_px: int = INPUT_PX) -> Tensor:
    """uint8 [H, W, 3] RGB to float32 [3, h, w] with values (x - 127) / 128, its longest side `longest_px`.

    The other side follows to the nearest multiple of 32, the coarsest cell, so that nothing has to be padded within
    an image: objects keep their proportions to within half a cell.
    """
    size_wh = input_size(image.shape[1], image.shape[0], longest_px)
    resized = Image.fromarray(image).resize(size_wh, Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.asarray(resized, dtype=np.float32)).permute(2, 0, 1)
    return (pixels - 127.0) / 128.0


def input_size(width: int, height: int, longest_px: int) -> tuple[int, int]:
    """(width, height) of the network's input for an image of this size."""
    scale = longest_px / max(width, height)
    sides = (max(2, round(side * scale / CELL_PX)) * CELL_PX for side in (width, height))
    wide, high = sides
    return wide, high
