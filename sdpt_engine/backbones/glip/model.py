"""The whole of GLIP, split where prompts begin to matter, and its folder: weights, config, vocabulary.

B images, C pyramid channels, h and w of a level, T text tokens, D text width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BertTokenizer

from sdpt_engine.backbones.glip.anchors import pyramid_anchors
from sdpt_engine.backbones.glip.config import GlipConfig
from sdpt_engine.backbones.glip.dyhead import PyramidStep
from sdpt_engine.backbones.glip.fusion import FusionBlock
from sdpt_engine.backbones.glip.head import HeadOutput, Heads
from sdpt_engine.backbones.glip.keys import from_stored, to_stored
from sdpt_engine.backbones.glip.language import TextEncoder, WordLayer
from sdpt_engine.backbones.glip.swin_fpn import ImageEncoder
from sdpt_engine.errors import BackboneUnavailableError, ForeignWeightsError

WEIGHTS_NAME, VOCABULARY_NAME = "model.safetensors", "vocab.txt"
_ORIGINAL_WEIGHTS_NAME = "weights.safetensors"


class TowerLayer(nn.Module):
    """Fusion of both sides, then each side's own step."""

    def __init__(self, config: GlipConfig) -> None:
        super().__init__()
        self.fusion = FusionBlock(config)
        self.words = WordLayer(config.bert)
        self.step = PyramidStep(
            config.channels, groups=config.num_groups, reduction=config.relu_reduction
        )

    def forward(
        self, levels: tuple[Tensor, ...], text: Tensor, padding: Tensor
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        levels, text = self.fusion(levels, text, padding)
        return self.step(levels), self.words(text, padding)


class GlipModel(nn.Module):
    """`encode_images` and `encode_text` are constant while a prompt is tuned, `detect` is not."""

    def __init__(self, config: GlipConfig, vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.config = config
        self.vocabulary = tuple(vocabulary)
        self.image_encoder = ImageEncoder(config)
        self.text_encoder = TextEncoder(config.bert)
        self.tower = nn.ModuleList(TowerLayer(config) for _ in range(config.num_fusion_layers))
        self.heads = Heads(config)

    def encode_images(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """A batch of `to_batch` [B, 3, H, W] to five maps [B, C, h, w]."""
        levels: tuple[Tensor, ...] = self.image_encoder(pixels)
        return levels

    def encode_text(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """int64 [B, T] twice to [B, T, D]. Padding may be left out: no other token sees it."""
        hidden: Tensor = self.text_encoder(input_ids, attention_mask)
        return hidden

    def fuse(
        self,
        levels: tuple[Tensor, ...],
        text: Tensor,
        text_mask: Tensor,
        *,
        first: int = 0,
        last: int | None = None,
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """The tower's layers from `first` up to `last`, which keep the shapes of maps and words.

        `text_mask` [B, T] is 1 on the tokens to be seen.
        """
        padding = text_mask == 0
        for layer in list(self.tower)[first:last]:
            levels, text = layer(levels, text, padding)
        return levels, text

    def detect(self, levels: tuple[Tensor, ...], text: Tensor, text_mask: Tensor) -> HeadOutput:
        """The whole tower and the heads."""
        output: HeadOutput = self.heads(*self.fuse(levels, text, text_mask))
        return output

    def text_mask(self, attention_mask: Tensor, special_tokens_mask: Tensor) -> Tensor:
        """What the tower sees of a caption: every token, or the words only if the config says so."""
        if self.config.inputs.hides_special_tokens:
            return 1 - special_tokens_mask
        return attention_mask

    def anchors(self, output: HeadOutput) -> tuple[Tensor, ...]:
        """The anchors [A, 4] of each level, xyxy in pixels of the resized image."""
        device = output.centerness[0].device
        levels = pyramid_anchors(
            output.sizes_hw, self.config.strides_px, self.config.anchor_sizes_px
        )
        return tuple(level.to(device) for level in levels)

    def tokenizer(self) -> Any:
        """A fresh BERT tokenizer over the model's own vocabulary."""
        return BertTokenizer(vocab={word: number for number, word in enumerate(self.vocabulary)})

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> GlipModel:
        """The frozen model in a folder of `save_pretrained`, or of the original's settings and weights.

        Raises BackboneUnavailableError, or ForeignWeightsError where the tensors are not GLIP's.
        """
        folder = Path(folder)
        config = GlipConfig.from_folder(folder)
        model = cls(config, read_vocabulary(folder / VOCABULARY_NAME, config.bert.vocab_size))
        path = _weights_path(folder)
        weights = from_stored(_read(path), model.state_dict(), source=str(path))
        model.load_state_dict({name: t.float() for name, t in weights.items()})
        return model.eval().requires_grad_(False)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write model.safetensors (under GLIP's own names), config.json and vocab.txt."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        stored = to_stored(self.state_dict())
        save_file({name: t.contiguous() for name, t in stored.items()}, folder / WEIGHTS_NAME)
        self.config.save(folder)
        write_vocabulary(folder / VOCABULARY_NAME, self.vocabulary)


def empty_model(config: GlipConfig) -> GlipModel:
    """A model without memory for its tensors: it lends names and shapes."""
    with torch.device("meta"):
        return GlipModel(config, ())


def read_vocabulary(path: Path, num_embeddings: int) -> tuple[str, ...]:
    """One word per line, its line number its id."""
    try:
        words = tuple(path.read_text(encoding="utf-8").rstrip("\n").split("\n"))
    except OSError as error:
        raise BackboneUnavailableError(
            f"The vocabulary '{path}' cannot be read ({error}). Convert the checkpoint again."
        ) from error
    if len(words) != num_embeddings:
        raise BackboneUnavailableError(
            f"The vocabulary '{path}' has {len(words)} words, the model {num_embeddings}. "
            "Put the vocabulary beside it that it was trained with."
        )
    return words


def write_vocabulary(path: Path, words: Sequence[str]) -> None:
    path.write_text("\n".join(words) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ForeignWeightsError(
            f"The weights '{path}' cannot be read ({error}). Convert the checkpoint again."
        ) from error
    return tensors


def _weights_path(folder: Path) -> Path:
    for name in (WEIGHTS_NAME, _ORIGINAL_WEIGHTS_NAME):
        if (folder / name).is_file():
            return folder / name
    raise BackboneUnavailableError(
        f"'{folder}' holds no {WEIGHTS_NAME}. Convert a GLIP checkpoint with "
        "sdpt-app doctor --convert-glip FILE.pth --output FOLDER."
    )
