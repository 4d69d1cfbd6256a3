"""How our modules' tensors are called in GLIP's own checkpoints, which is also how our folders store them.

So a stored folder outlives the renaming of modules, here and in transformers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from sdpt_engine.errors import ForeignWeightsError

_NAMES_SHOWN = 8

# Tensors of a checkpoint that carry nothing a model needs.
_EXPLAINED = {
    r"backbone\.body\.layers\.\d+\.blocks\.\d+\.attn\.relative_position_index": "follows from the window size",
    r"backbone\.body\.layers\.\d+\.blocks\.\d+\.attn_mask": "follows from the window size",
    r"rpn\.anchor_generator\.cell_anchors\.\d+": "follow from the anchor sizes",
    r"language_backbone\.body\.model\.embeddings\.position_ids": "count from 0",
    r"language_backbone\.body\.model\.pooler\.dense\.(weight|bias)": "nothing reads the pooled text",
}

_SWIN_BLOCK = {
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "attention.o_proj": "attn.proj",
    "attention.relative_position_bias": "attn",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
_FUSION = {
    "norm_vision": "layer_norm_v",
    "norm_text": "layer_norm_l",
    "gamma_vision": "gamma_v",
    "gamma_text": "gamma_l",
    "attention.vision_proj": "attn.v_proj",
    "attention.text_proj": "attn.l_proj",
    "attention.values_vision_proj": "attn.values_v_proj",
    "attention.values_text_proj": "attn.values_l_proj",
    "attention.out_vision_proj": "attn.out_v_proj",
    "attention.out_text_proj": "attn.out_l_proj",
}
_WORDS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}
_PYRAMID = {
    "offset": "offset",
    "gate": "AttnConv.1",
    "relu.squeeze": "relu.fc.0",
    "relu.expand": "relu.fc.2",
    **{
        f"branches.{n}.{ours}": f"DyConv.{n}.{theirs}"
        for n in range(3)
        for ours, theirs in (("conv", "conv"), ("norm", "bn"))
    },
}
_HEADS = {
    "box_deltas": "bbox_pred",
    "centerness": "centerness",
    "class_logits": "cls_logits",
    "text_projection": "dot_product_projection_text",
    "token_bias": "bias_lang",
    "bias": "bias0",
    "log_scale": "log_scale",
}
_TOWER = {"fusion": (0, "b_attn.", _FUSION), "words": (1, "", _WORDS), "step": (2, "", _PYRAMID)}


def stored_name(own: str) -> tuple[str, int | None]:
    """The checkpoint's name of our tensor `own`, and which third of it (q, k, v) is ours, if not all."""
    kind, _, rest = own.partition(".")
    return {"image_encoder": _image, "text_encoder": _text, "tower": _tower, "heads": _head}[kind](
        rest
    )


def _image(own: str) -> tuple[str, int | None]:
    if found := re.fullmatch(r"pyramid\.(laterals|outputs)\.(\d+)\.(\w+)", own):
        place = "inner" if found[1] == "laterals" else "layer"
        return f"backbone.fpn.fpn_{place}{int(found[2]) + 2}.{found[3]}", None
    if found := re.fullmatch(r"pyramid\.(p[67]\.\w+)", own):
        return f"backbone.fpn.top_blocks.{found[1]}", None
    if found := re.fullmatch(r"swin\.hidden_states_norms\.stage(\d+)\.(\w+)", own):
        return f"backbone.body.norm{int(found[1]) - 1}.{found[2]}", None
    own = own.removeprefix("swin.swin.")
    if found := re.fullmatch(r"embeddings\.(patch_embeddings\.projection|norm)\.(\w+)", own):
        place = "norm" if found[1] == "norm" else "proj"
        return f"backbone.body.patch_embed.{place}.{found[2]}", None
    own = own.removeprefix("encoder.")
    found = re.fullmatch(r"(layers\.\d+\.blocks\.\d+)\.(.+)\.(\w+)", own)
    if found is None:  # between the stages
        return f"backbone.body.{own}", None
    block, module, tensor = found.groups()
    if part := re.fullmatch(r"attention\.([qkv])_proj", module):
        return f"backbone.body.{block}.attn.qkv.{tensor}", "qkv".index(part[1])
    return f"backbone.body.{block}.{_SWIN_BLOCK[module]}.{tensor}", None


def _text(own: str) -> tuple[str, int | None]:
    return f"language_backbone.body.model.{own.removeprefix('bert.')}", None


def _tower(own: str) -> tuple[str, int | None]:
    number, kind, rest = own.split(".", 2)
    place, prefix, names = _TOWER[kind]
    return f"rpn.head.dyhead_tower.{3 * int(number) + place}.{prefix}{_renamed(rest, names)}", None


def _head(own: str) -> tuple[str, int | None]:
    if found := re.fullmatch(r"level_scales\.(\d+)", own):
        return f"rpn.head.scales.{found[1]}.scale", None
    return f"rpn.head.{_renamed(own, _HEADS)}", None


def _renamed(own: str, names: Mapping[str, str]) -> str:
    if own in names:
        return names[own]
    module, _, tensor = own.rpartition(".")
    return f"{names[module]}.{tensor}"


def to_stored(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under the checkpoint's names."""
    stored: dict[str, Tensor] = {}
    thirds: dict[str, list[Tensor]] = {}
    for name, tensor in own.items():
        theirs, third = stored_name(name)
        if third is None:
            stored[theirs] = tensor
        else:
            thirds.setdefault(theirs, [tensor] * 3)[third] = tensor
    return {**stored, **{name: torch.cat(parts) for name, parts in thirds.items()}}


def from_stored(
    stored: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, source: str
) -> dict[str, Tensor]:
    """The tensors for each name of `wanted`, a state dict of ours whose values lend their shapes.

    Raises ForeignWeightsError naming what is missing, what is too much, and what has another shape.
    """
    places = {own: stored_name(own) for own in wanted}
    used = {name for name, _ in places.values()}
    surplus = (name for name in stored.keys() - used if explanation(name) is None)
    _require_none(source, "lacks tensors of GLIP", used - stored.keys())
    _require_none(source, "has tensors that GLIP has not", surplus)
    found = {own: _part(stored[name], third) for own, (name, third) in places.items()}
    unlike = {places[own][0] for own, tensor in found.items() if tensor.shape != wanted[own].shape}
    shapes = (f"{name} {list(stored[name].shape)}" for name in unlike)
    _require_none(source, "has tensors of another shape than its other sizes imply", shapes)
    return found


def _part(tensor: Tensor, third: int | None) -> Tensor:
    return tensor if third is None else tensor.chunk(3)[third]


def explanation(name: str) -> str | None:
    """Why a model can do without the checkpoint's tensor `name`, or None if it cannot."""
    for pattern, reason in _EXPLAINED.items():
        if re.fullmatch(pattern, name):
            return reason
    return None


def _require_none(source: str, complaint: str, names: Iterable[str]) -> None:
    listed = sorted(names)
    if not listed:
        return
    more = len(listed) - _NAMES_SHOWN
    text = ", ".join(listed[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    raise ForeignWeightsError(
        f"'{source}' {complaint}: {text}. Name the checkpoint of a GLIP-T or GLIP-L with deep fusion."
    )
