"""Modulated deformable convolution equals its definition, in pieces as in one, there and back."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sdpt_engine.backbones.glip import deform_conv
from sdpt_engine.backbones.glip.deform_conv import DeformableConv, fitted


def _layer(channels: int, stride: int) -> DeformableConv:
    torch.manual_seed(0)
    layer = DeformableConv(channels, stride=stride).double()
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    return layer


def _operands(size: tuple[int, int], out: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    features = torch.randn(2, 3, *size, dtype=torch.float64)
    offsets = 3 * torch.randn(2, 18, *out, dtype=torch.float64)  # some fall outside
    return features, offsets, torch.rand(2, 9, *out, dtype=torch.float64)


def _at(image: Tensor, y: float, x: float) -> Tensor:
    """Bilinear value [C] of a map [C, h, w]; 0 outside."""
    top, left = math.floor(y), math.floor(x)
    value = torch.zeros(len(image), dtype=image.dtype)
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                share = (1 - abs(y - row)) * (1 - abs(x - column))
                value = value + share * image[:, row, column]
    return value


def _by_definition(layer: DeformableConv, operands: tuple[Tensor, ...]) -> Tensor:
    features, offsets, mask = operands
    batch, _, height, width = mask.shape
    out = layer.bias.detach()[None, :, None, None].repeat(batch, 1, height, width)
    for b in range(batch):
        for i in range(height):
            for j in range(width):
                for tap in range(9):
                    dy, dx = offsets[b, 2 * tap : 2 * tap + 2, i, j].tolist()
                    y = i * layer.stride + tap // 3 - 1 + dy
                    x = j * layer.stride + tap % 3 - 1 + dx
                    seen = _at(features[b], y, x) * mask[b, tap, i, j]
                    out[b, :, i, j] += layer.weight.detach()[:, :, tap // 3, tap % 3] @ seen
    return out


@pytest.mark.parametrize(("stride", "size", "out"), [(1, (5, 6), (5, 6)), (2, (7, 6), (4, 3))])
def test_it_equals_its_definition(stride: int, size: tuple[int, int], out: tuple[int, int]) -> None:
    layer, operands = _layer(3, stride), _operands(size, out)
    with torch.no_grad():
        torch.testing.assert_close(layer(*operands), _by_definition(layer, operands))


def test_a_map_of_one_pixel_is_no_special_case() -> None:
    layer, operands = _layer(3, 1), _operands((1, 1), (1, 1))
    with torch.no_grad():
        torch.testing.assert_close(layer(*operands), _by_definition(layer, operands))


def test_pieces_give_the_same_value_and_gradient_as_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = _layer(3, 1)

    def run() -> list[Tensor]:
        operands = [tensor.requires_grad_() for tensor in _operands((6, 5), (6, 5))]
        out = layer(*operands)
        return [out, *torch.autograd.grad(out.square().sum(), operands)]

    whole = run()
    monkeypatch.setattr(deform_conv, "SAMPLES_AT_ONCE", 1)  # a row at a time
    for piece, expected in zip(run(), whole, strict=True):
        torch.testing.assert_close(piece, expected)


def test_gradients_are_those_of_small_changes() -> None:
    layer = _layer(3, 2)
    operands = [tensor.requires_grad_() for tensor in _operands((4, 4), (2, 2))]
    assert torch.autograd.gradcheck(layer, operands)


def test_offsets_of_a_larger_map_are_read_from_the_start_of_their_memory() -> None:
    values = torch.arange(2 * 3 * 4.0).view(1, 2, 3, 4)
    read = fitted(values, (2, 2))
    assert read.tolist() == [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]


def test_it_compiles_into_one_graph() -> None:
    layer, operands = _layer(3, 1), _operands((5, 6), (5, 6))
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(*operands), layer(*operands))
