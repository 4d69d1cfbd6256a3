"""GLIPs of drawn sizes, none of which a released model has: their configurations, in both layouts, and checkpoints."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sdpt_engine.backbones.glip import GlipConfig, GlipModel
from sdpt_engine.backbones.glip.config import BertSizes, InputSettings, SwinSizes
from sdpt_engine.backbones.glip.keys import to_stored

WORDS = (
    "[UNK]",
    "dog",
    "[SEP]",
    ".",
    "cat",
    "[PAD]",
    ";",
    "red",
    "[CLS]",
    "[MASK]",
    "bird",
    "tree",
)


def drawn_config(seed: int) -> GlipConfig:
    """Widths, depths, heads, anchors, strides of padding and text lengths that fit together, otherwise at random."""
    draw = random.Random(seed)
    heads, groups, fusion_heads = (draw.choice((1, 2, 3, 5)) for _ in range(3))
    base = draw.choice((4, 6, 10))
    anchors = sorted(draw.sample(range(10, 200), 5))
    limit = draw.randint(9, 30)
    return GlipConfig(
        swin=SwinSizes(
            embed_dim=base,
            depths=tuple(draw.randint(1, 3) for _ in range(4)),
            num_heads=(1, 2, draw.choice((1, 4)), draw.choice((2, base))),
            window_size=draw.choice((2, 3, 5, 9)),
            mlp_ratio=draw.choice((1.0, 2.0, 3.0)),
        ),
        bert=BertSizes(
            vocab_size=len(WORDS),
            hidden_size=heads * draw.choice((4, 7)),
            num_hidden_layers=draw.randint(1, 3),
            num_attention_heads=heads,
            intermediate_size=draw.randint(5, 40),
            max_position_embeddings=limit + draw.randint(0, 9),
            type_vocab_size=draw.randint(1, 3),
            layer_norm_eps=draw.choice((1e-12, 1e-6)),
        ),
        channels=groups * draw.choice((8, 12)),
        num_fusion_layers=draw.randint(1, 4),
        fusion_width=fusion_heads * draw.choice((4, 24)),  # narrower than a side, or wider
        fusion_heads=fusion_heads,
        num_groups=groups,
        num_class_slots=draw.randint(1, 7),
        relu_reduction=draw.choice((1, 2, 4)),
        anchor_sizes_px=tuple(anchors),
        inputs=InputSettings(
            min_size_px=draw.randint(40, 70),
            max_size_px=draw.randint(70, 110),
            size_divisor=draw.choice((0, 1, 16, 48)),
            max_text_tokens=limit,
            separator=draw.choice((". ", " ; ")),
            hides_special_tokens=draw.random() < 0.5,
        ),
    )


def drawn_model(seed: int) -> GlipModel:
    torch.manual_seed(seed)
    model = GlipModel(drawn_config(seed), WORDS)
    for parameter in model.parameters():  # no bias stays 0, no norm 1
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval().requires_grad_(False)


def checkpoint_of(model: GlipModel) -> dict[str, Tensor]:
    """What the trainer writes, with tensors that nobody needs."""
    own = {
        f"module.{name}": tensor.clone() for name, tensor in to_stored(model.state_dict()).items()
    }
    own["module.rpn.anchor_generator.cell_anchors.0"] = torch.zeros(1, 4)
    own["module.backbone.body.layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(4, 4)
    return own


def save_checkpoint(model: GlipModel, folder: Path) -> Path:
    """The checkpoint with its vocabulary and its configuration beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.pth"
    torch.save({"model": checkpoint_of(model), "iteration": 7}, path)
    model.config.save(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return path


def as_original_settings(config: GlipConfig, template: Path) -> dict[str, Any]:
    """`config` in the original's nested names; what it does not say is as in the file `template`."""
    document: dict[str, Any] = json.loads(template.read_text(encoding="utf-8"))
    model, sizes = document["MODEL"], config.inputs
    model["SWINT"] |= {
        "EMBED_DIM": config.swin.embed_dim,
        "DEPTHS": list(config.swin.depths),
        "NUM_HEADS": list(config.swin.num_heads),
        "WINDOW_SIZE": config.swin.window_size,
        "MLP_RATIO": config.swin.mlp_ratio,
    }
    model["LANGUAGE_BACKBONE"] |= {
        "MAX_QUERY_LEN": sizes.max_text_tokens,
        "MASK_SPECIAL": sizes.hides_special_tokens,
    }
    model["GROUP_NORM"]["NUM_GROUPS"] = config.num_groups
    model["RPN"]["ANCHOR_SIZES"] = list(config.anchor_sizes_px)
    model["DYHEAD"] |= {
        "CHANNELS": config.channels,
        "NUM_CONVS": config.num_fusion_layers,
        "NUM_CLASSES": config.num_class_slots + 1,
    }
    document["INPUT"] |= {"MIN_SIZE_TEST": sizes.min_size_px, "MAX_SIZE_TEST": sizes.max_size_px}
    document["DATALOADER"]["SIZE_DIVISIBILITY"] = sizes.size_divisor
    document["DATASETS"]["SEPARATION_TOKENS"] = sizes.separator
    document["bert_config"] = {
        name: getattr(config.bert, name) for name in BertSizes.__dataclass_fields__
    }
    document["hard_coded_in_original"] |= {
        "VLFuse.n_head": config.fusion_heads,
        "VLFuse.embed_dim": config.fusion_width,
        "DYReLU.reduction": config.relu_reduction,
    }
    return document


def as_released(config: GlipConfig) -> GlipConfig:
    """With released values for all that no tensor's shape tells, and widths that these can share."""
    released = GlipConfig()
    limit = min(released.inputs.max_text_tokens, config.bert.max_position_embeddings)
    return replace(
        released,
        swin=config.swin,
        bert=replace(
            config.bert, num_attention_heads=1, layer_norm_eps=released.bert.layer_norm_eps
        ),
        channels=released.num_groups * config.num_fusion_layers,
        num_fusion_layers=config.num_fusion_layers,
        fusion_width=released.fusion_heads * config.num_fusion_layers,
        num_class_slots=config.num_class_slots,
        relu_reduction=config.relu_reduction,
        inputs=replace(released.inputs, max_text_tokens=limit),
    )
