"""Every inner tensor of a forward pass, under the names that the reference gives them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sdpt_engine.backbones.glip.head import HeadOutput
from sdpt_engine.backbones.glip.model import GlipModel

Taps = dict[str, Tensor]


@torch.no_grad()
def tapped_pass(
    model: GlipModel,
    pixels: Tensor,
    input_ids: Tensor,
    mask: Tensor,
    head_mask: Tensor | None = None,
) -> Taps:
    """`head_mask` is what the tower sees of the text, if not `mask`."""
    taps: Taps = {}
    with _listening(model, taps):
        levels = model.encode_images(pixels)
        hidden = model.encode_text(input_ids, mask)
        output = model.detect(levels, hidden, mask if head_mask is None else head_mask)
    taps |= {f"fpn.p{number}": level for number, level in enumerate(levels, start=3)}
    taps |= {"text.hidden": hidden, "text.masks": mask, "text.embedded": hidden * mask[..., None]}
    taps["text.aggregate"] = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return taps | head_tensors(output)


_HEADS = {"dot_product_logits": "logits", "bbox_regression": "deltas", "centerness": "centerness"}


def head_tensors(output: HeadOutput) -> Taps:
    return {
        f"head.{theirs}.l{level}": tensor
        for theirs, ours in _HEADS.items()
        for level, tensor in enumerate(getattr(output, ours))
    }


def head_output(taps: Taps, *, levels: int) -> HeadOutput:
    """The other way round."""
    own = {
        ours: tuple(taps[f"head.{theirs}.l{level}"] for level in range(levels))
        for theirs, ours in _HEADS.items()
    }
    return HeadOutput(**own)


@contextmanager
def _listening(model: GlipModel, taps: Taps) -> Iterator[None]:
    with ExitStack() as undo:
        for module, listen in _listeners(model, taps):
            undo.callback(module.register_forward_hook(listen).remove)
        yield


def _listeners(model: GlipModel, taps: Taps) -> Iterator[tuple[nn.Module, Any]]:
    swin = model.image_encoder.swin
    yield swin, lambda m, i, out: taps.update(_stages(out.feature_maps))
    yield swin.swin.embeddings, lambda m, i, out: taps.update(_as_map("patch_embed", out, out[1]))
    for number, layer in enumerate(swin.swin.encoder.layers):
        for index, block in enumerate(layer.blocks):
            name = f"layers{number}.block{index}"
            yield (
                block,
                lambda m, i, out, name=name: taps.update(_as_map(name, out, i[1])),
            )
    bert = model.text_encoder.bert
    yield bert.embeddings, _saver(taps, "bert.embeddings")
    for number, layer in enumerate(bert.encoder.layer):
        yield layer, _saver(taps, f"bert.layer{number}")
    for number, layer in enumerate(model.tower):
        yield layer.fusion, _both_saver(taps, f"tower{3 * number}.fuse")
        yield layer.words, _saver(taps, f"tower{3 * number + 1}.bert.text")
        yield layer.step, _levels_saver(taps, f"tower{3 * number + 2}.dyconv.visual")
    yield from _first_layer(model.tower[0], taps)
    yield model.heads, lambda m, i, out: taps.update(_heads(m, *i))


def _first_layer(layer: Any, taps: Taps) -> Iterator[tuple[nn.Module, Any]]:
    fusion, step = layer.fusion, layer.step
    yield fusion.norm_vision, _saver(taps, "attn.layer_norm_v")
    yield fusion.norm_text, _saver(taps, "attn.layer_norm_l")
    yield (
        fusion.attention,
        lambda m, i, out: taps.update({"attn.delta_v": out[0][0], "attn.delta_l": out[1][0]}),
    )
    yield step.offset, _counter(taps, "dyconv.offset_mask.l{}")
    for index, branch in enumerate(step.branches):
        first = 1 if index == 2 else 0  # the finest level has no finer neighbour
        yield branch.conv, _counter(taps, f"dyconv.branch{index}.conv.target_l{{}}", first)
        yield branch.norm, _counter(taps, f"dyconv.branch{index}.norm.target_l{{}}", first)
    yield step.gate, _counter(taps, "dyconv.attnconv.call{}", change=torch.relu)
    yield step.relu, _counter(taps, "dyconv.dyrelu_out.l{}")
    yield step.relu, _counter(taps, "dyconv.dyrelu_in.l{}", takes_input=True)


def _saver(taps: Taps, name: str) -> Any:
    return lambda m, i, out: taps.update({name: out[0] if isinstance(out, tuple) else out})


def _levels_saver(taps: Taps, name: str) -> Any:
    return lambda m, i, out: taps.update({f"{name}.l{n}": level for n, level in enumerate(out)})


def _both_saver(taps: Taps, name: str) -> Any:
    def save(m: Any, i: Any, out: Any) -> None:
        _levels_saver(taps, f"{name}.visual")(m, i, out[0])
        taps[f"{name}.text"] = out[1]

    return save


def _counter(
    taps: Taps, name: str, first: int = 0, *, change: Any = None, takes_input: bool = False
) -> Any:
    calls = iter(range(first, 1000))

    def save(m: Any, inputs: Any, out: Any) -> None:
        found = inputs[0] if takes_input else out
        taps[name.format(next(calls))] = found if change is None else change(found)

    return save


def _as_map(name: str, out: Any, size: tuple[int, int]) -> Taps:
    tokens = out[0] if isinstance(out, tuple) else out
    found = tokens.transpose(1, 2).unflatten(2, tuple(size))
    taps = {f"swin.{name}": found}
    if name.startswith("layers0."):
        taps["swin.stage2"] = found  # the last block of the first stage stays; it has no norm
    return taps


def _stages(maps: Any) -> Taps:
    return {f"swin.stage{number}": found for number, found in enumerate(maps, start=3)}


def _heads(heads: Any, levels: Any, text: Any) -> Taps:
    taps = {f"head.box_cls.l{n}": heads.class_logits(level) for n, level in enumerate(levels)}
    return {**taps, "head.proj_tokens": heads.projected_words(text)[0], "tower_last.text": text}
