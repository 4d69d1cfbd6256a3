"""A released GLIP checkpoint (.pth) to a folder that `GlipModel.from_pretrained` reads.

Nothing in the file is run: a checkpoint that needs that is refused with advice. Sizes are read off the tensors.
"""

from __future__ import annotations

import math
import pickle
import re
import struct
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from sdpt_engine.backbones.glip.config import (
    CONFIG_NAME,
    BertSizes,
    GlipConfig,
    InputSettings,
    SwinSizes,
)
from sdpt_engine.backbones.glip.keys import explanation, from_stored, stored_name
from sdpt_engine.backbones.glip.model import (
    VOCABULARY_NAME,
    WEIGHTS_NAME,
    empty_model,
    read_vocabulary,
    write_vocabulary,
)
from sdpt_engine.errors import BackboneUnavailableError, ForeignWeightsError

# What reading a file that is no checkpoint, or half of one, ends in.
_BROKEN = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    struct.error,
)
_MODEL_ENTRY, _WRAPPING = "model", "module."
_BERT_HEAD_WIDTH = 64  # of every published BERT
_SWIN, _BERT, _HEAD = "backbone.body", "language_backbone.body.model", "rpn.head"
_FIRST_FUSION = f"{_HEAD}.dyhead_tower.0.b_attn"


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of a checkpoint."""

    folder: Path
    num_tensors: int
    left_out: Mapping[str, int]  # why, and how many tensors


def convert_checkpoint(
    file: Path, folder: Path, *, vocabulary: Path, config: GlipConfig | None = None
) -> Conversion:
    """Write `folder` from the checkpoint `file` and the vocabulary that it was trained with.

    Without `config`, what the tensors do not tell is as released. Raises ForeignWeightsError, or
    BackboneUnavailableError for a vocabulary that does not fit.
    """
    stored = read_checkpoint(file)
    config = config or config_of(stored, source=str(file))
    kept = required_tensors(stored, config, source=str(file))
    words = read_vocabulary(vocabulary, config.bert.vocab_size)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: t.contiguous() for name, t in kept.items()}, folder / WEIGHTS_NAME)
    write_vocabulary(folder / VOCABULARY_NAME, words)
    config.save(folder)  # last: a folder without it is not taken for a model
    reasons = Counter(explanation(name) or "" for name in stored.keys() - kept.keys())
    return Conversion(folder, len(kept), dict(sorted(reasons.items())))


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """The state dict inside, without the wrapping of distributed training."""
    try:
        # weights_only: a checkpoint is data, and must not be able to run code.
        found = torch.load(
            file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file)
        )
    except OSError as error:
        raise ForeignWeightsError(f"The checkpoint '{file}' cannot be read: {error}.") from error
    except _BROKEN as error:
        raise _unreadable(file, str(error)) from error
    if isinstance(found, Mapping) and isinstance(found.get(_MODEL_ENTRY), Mapping):
        found = found[_MODEL_ENTRY]
    if not _is_state_dict(found):
        raise ForeignWeightsError(
            f"'{file}' holds no table of tensors by name. Name a GLIP checkpoint (.pth)."
        )
    if all(name.startswith(_WRAPPING) for name in found):
        return {name.removeprefix(_WRAPPING): tensor for name, tensor in found.items()}
    return dict(found)


def _is_state_dict(found: Any) -> bool:
    return (
        isinstance(found, Mapping)
        and len(found) > 0
        and all(isinstance(n, str) and isinstance(t, Tensor) for n, t in found.items())
    )


def _unreadable(file: Path, reason: str) -> ForeignWeightsError:
    code = re.search(r"GLOBAL (\S+)", reason)  # the function or class that the file asks for
    if code is None:
        return ForeignWeightsError(
            f"The checkpoint '{file}' is damaged or no PyTorch file. Download it again."
        )
    return ForeignWeightsError(
        f"The checkpoint '{file}' can only be read by running code that it names ({code[1]}), which is "
        "never done here. If you trust where it comes from, write its weights anew: python -c "
        "\"import torch; torch.save({'model': torch.load('OLD.pth', weights_only=False)['model']}, "
        "'NEW.pth')\", then convert NEW.pth."
    )


def config_of(stored: Mapping[str, Tensor], *, source: str) -> GlipConfig:
    """The sizes that the tensors' shapes tell; everything else is as released."""
    if f"{_FIRST_FUSION}.gamma_v" not in stored and f"{_HEAD}.bbox_pred.weight" in stored:
        raise ForeignWeightsError(
            f"'{source}' is a GLIP without deep fusion (GLIP-T (A)): there is no place for a prompt. "
            "Take GLIP-T (C) or GLIP-L."
        )
    try:
        bert, inputs = _bert_sizes(stored), InputSettings()
        limit = min(inputs.max_text_tokens, bert.max_position_embeddings)
        return GlipConfig(  # numbers of heads and groups, anchors and settings leave no trace in tensors
            swin=_swin_sizes(stored),
            bert=bert,
            inputs=replace(inputs, max_text_tokens=limit),
            channels=stored[f"{_HEAD}.bbox_pred.weight"].shape[1],
            num_fusion_layers=_count(stored, f"{_HEAD}.dyhead_tower.", ".b_attn.gamma_v"),
            fusion_width=stored[f"{_FIRST_FUSION}.attn.v_proj.weight"].shape[0],
            num_class_slots=stored[f"{_HEAD}.cls_logits.weight"].shape[0],
            relu_reduction=_relu_reduction(stored),
        )
    except KeyError as error:
        raise ForeignWeightsError(
            f"'{source}' is without GLIP's tensor {error.args[0]}. Name the checkpoint of a GLIP-T or "
            "GLIP-L with deep fusion."
        ) from error
    except BackboneUnavailableError as error:
        raise ForeignWeightsError(
            f"'{source}' is no released GLIP, and its tensors do not tell all of its sizes: {error} Put the "
            f"{CONFIG_NAME} beside it that it was trained with."
        ) from error


def _swin_sizes(stored: Mapping[str, Tensor]) -> SwinSizes:
    layers = _count(stored, f"{_SWIN}.layers.", ".blocks.0.norm1.weight")
    tables = [
        stored[f"{_SWIN}.layers.{n}.blocks.0.attn.relative_position_bias_table"].shape
        for n in range(layers)
    ]
    width = stored[f"{_SWIN}.patch_embed.proj.weight"].shape[0]
    return SwinSizes(
        embed_dim=width,
        depths=tuple(
            _count(stored, f"{_SWIN}.layers.{n}.blocks.", ".norm1.weight") for n in range(layers)
        ),
        num_heads=tuple(table[1] for table in tables),
        window_size=(math.isqrt(tables[0][0]) + 1) // 2 if tables else 7,
        mlp_ratio=stored[f"{_SWIN}.layers.0.blocks.0.mlp.fc1.weight"].shape[0] / width,
    )


def _bert_sizes(stored: Mapping[str, Tensor]) -> BertSizes:
    vocab_size, width = stored[f"{_BERT}.embeddings.word_embeddings.weight"].shape
    layer = f"{_BERT}.encoder.layer."
    return BertSizes(
        vocab_size=vocab_size,
        hidden_size=width,
        num_hidden_layers=_count(stored, layer, ".attention.self.query.weight"),
        num_attention_heads=max(width // _BERT_HEAD_WIDTH, 1),
        intermediate_size=stored[f"{layer}0.intermediate.dense.weight"].shape[0],
        max_position_embeddings=stored[f"{_BERT}.embeddings.position_embeddings.weight"].shape[0],
        type_vocab_size=stored[f"{_BERT}.embeddings.token_type_embeddings.weight"].shape[0],
    )


def _relu_reduction(stored: Mapping[str, Tensor]) -> int:
    narrow, wide = stored[f"{_HEAD}.dyhead_tower.2.relu.fc.0.weight"].shape
    return wide // narrow


def _count(names: Iterable[str], start: str, end: str) -> int:
    return sum(
        name.startswith(start) and name.endswith(end) and name[len(start) : -len(end)].isdigit()
        for name in names
    )


def required_tensors(
    stored: Mapping[str, Tensor], config: GlipConfig, *, source: str
) -> dict[str, Tensor]:
    """What a model of `config` needs, under the checkpoint's names; the rest must be explained."""
    wanted = empty_model(config).state_dict()
    from_stored(stored, wanted, source=source)
    names = {stored_name(own)[0] for own in wanted}
    return {name: tensor for name, tensor in stored.items() if name in names}
