"""The sampling core of multi-scale deformable attention, without its big intermediate tensors.

The usual form samples every point into a tensor [B, H, d, Q, L P] and sums it up afterwards. Here each query
is a weighted sum of rows of one table, four corners a point, which `embedding_bag` does without keeping
anything; the gradient of the table is the same kind of sum over the samples sorted by cell.

Legend: B images, V value tokens over all levels, Q queries, H heads, d head width, L levels, P points,
C cells of the padded maps, k = L P samples a query.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Shapes = tuple[tuple[int, int], ...]  # (height, width) of each level


def sample(
    values: Tensor, points: Tensor, weights: Tensor, shapes: Sequence[tuple[int, int]]
) -> Tensor:
    """Weighted bilinear samples [B, Q, H d], zero outside the maps.

    `values` [B, V, H, d]; `points` [B, Q, H, L, P, 2] as (x, y) in pixels of their level, 0 being the
    centre of the first pixel; `weights` [B, Q, H, L, P]. Differentiable in all three.
    """
    known: Shapes = tuple((int(height), int(width)) for height, width in shapes)
    # Half precision would lose the place of a point; the table follows, as both must be of one kind.
    full = [t if t.dtype == torch.float64 else t.float() for t in (values, points, weights)]
    sampled: Tensor = _Sample.apply(*full, known)  # type: ignore[no-untyped-call]
    return sampled.to(values.dtype)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Levels with a rim of zeros around, one after the other: no sample needs a test for being inside."""

    starts: tuple[int, ...]  # first cell of each level, and the end
    offset: Tensor  # int32 [k], the cell of pixel (0, 0) of each sample's level
    stride: Tensor  # int32 [k]
    last: Tensor  # int32 [2 k], the largest lower corner x, y, x, y, ...


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # what is kept must serve training too
def _grid(shapes: Shapes, num_points: int, device: torch.device) -> _Grid:
    starts = [0]
    for height, width in shapes:
        starts.append(starts[-1] + (height + 2) * (width + 2))
    strides = [width + 2 for _, width in shapes]
    offsets = [start + stride + 1 for start, stride in zip(starts, strides, strict=False)]
    last = [[width - 1, height - 1] * num_points for height, width in shapes]

    def per_sample(numbers: list[int]) -> Tensor:
        levels = torch.tensor(numbers, dtype=torch.int32, device=device)
        return levels.repeat_interleave(num_points)

    return _Grid(
        starts=tuple(starts),
        offset=per_sample(offsets),
        stride=per_sample(strides),
        last=torch.tensor(last, dtype=torch.int32, device=device).flatten(),
    )


class _Sample(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, points: Tensor, weights: Tensor, shapes: Shapes
    ) -> Tensor:
        batch, num_queries, heads, levels, num_points, _ = points.shape
        samples = levels * num_points
        grid = _grid(shapes, num_points, points.device)
        points = points.reshape(batch, num_queries, heads, 2 * samples)
        low = points.floor().to(torch.int32)
        # In whole numbers, so that a point of a diverged run (nan) still reads inside the table.
        low = torch.minimum(low.clamp_(min=-1), grid.last)
        share = (points - low).clamp_(0.0, 1.0)  # of the upper corner; past the rim all is zero
        x, y = low.view(batch, num_queries, heads, samples, 2).unbind(-1)
        rows = (y * grid.stride).add_(x).add_(grid.offset).mul_(heads)
        rows += _first_rows(batch, grid.starts[-1], heads, points.device)
        rows, share = rows.view(-1, samples), share.view(-1, samples, 2)  # B Q H first
        weights = weights.reshape(rows.shape)
        table = _padded(values, shapes, grid.starts)
        corners = _corner_rows(rows, _steps(grid, heads))
        ctx.save_for_backward(table, rows, share, weights)
        ctx.shapes, ctx.num_points, ctx.batch, ctx.heads = shapes, num_points, batch, heads
        bag = _corner_weights(share, weights)
        out = F.embedding_bag(corners, table, mode="sum", per_sample_weights=bag)
        return out.view(batch, num_queries, -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        table, rows, share, weights = ctx.saved_tensors
        grid = _grid(ctx.shapes, ctx.num_points, table.device)
        outer = gradients[0].reshape(len(rows), -1)  # [B Q H, d]
        for_values = for_points = for_weights = None
        if ctx.needs_input_grad[0]:
            edges = _edges(ctx.shapes, grid, ctx.batch, ctx.heads)
            scattered = _table_gradient(outer, rows, _corner_weights(share, weights), edges)
            scattered = scattered.view(ctx.batch, -1, ctx.heads, outer.shape[1])
            for_values = _unpadded(scattered, ctx.shapes)
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            corners = _corner_rows(rows, _steps(grid, ctx.heads))
            products = _dot_products(outer, table, corners).view(len(rows), 4, -1)
            for_points, for_weights = _chain(products, share, weights)
            shape = (ctx.batch, -1, ctx.heads, len(ctx.shapes), ctx.num_points)
            for_points, for_weights = for_points.view(*shape, 2), for_weights.view(shape)
        return for_values, for_points, for_weights, None


def _first_rows(batch: int, cells: int, heads: int, device: torch.device) -> Tensor:
    """int32 [B, 1, H, 1]: the table row of an image's first cell for each head."""
    images = torch.arange(batch, dtype=torch.int32, device=device).mul_(cells * heads)
    own = images[:, None] + torch.arange(heads, dtype=torch.int32, device=device)
    return own[:, None, :, None]


def _steps(grid: _Grid, heads: int) -> Tensor:
    """int32 [4, k]: rows from a sample's lower corner to its corners (y, x) = 00, 01, 10, 11."""
    down = grid.stride * heads
    return torch.stack((torch.zeros_like(down), torch.full_like(down, heads), down, down + heads))


def _corner_rows(rows: Tensor, steps: Tensor) -> Tensor:
    return (rows[:, None] + steps).flatten(1)  # [B Q H, 4 k]


def _corner_weights(share: Tensor, weights: Tensor) -> Tensor:
    """[B Q H, 4 k]: bilinear share of each corner times the sample's weight."""
    out = weights.new_empty(len(weights), 4, weights.shape[1])
    right, down = share.unbind(-1)
    torch.mul(weights, down, out=out[:, 2])
    torch.sub(weights, out[:, 2], out=out[:, 0])
    torch.mul(out[:, 0::2], right[:, None], out=out[:, 1::2])
    out[:, 0::2] -= out[:, 1::2]
    return out.flatten(1)


def _padded(values: Tensor, shapes: Shapes, starts: tuple[int, ...]) -> Tensor:
    """The table [B C H, d]: [B, V, H, d] with a rim of zeros around each level."""
    batch, _, heads, width = values.shape
    table = values.new_zeros(batch, starts[-1], heads * width)
    for inner, level in zip(
        _insides(table, shapes), _levels(values.flatten(2), shapes), strict=True
    ):
        inner.copy_(level)
    return table.view(-1, width)


def _unpadded(table: Tensor, shapes: Shapes) -> Tensor:
    """The inverse of `_padded`, from [B, C, H, d]."""
    batch, _, heads, width = table.shape
    num_values = sum(height * breadth for height, breadth in shapes)
    values = table.new_empty(batch, num_values, heads * width)
    for inner, level in zip(
        _insides(table.flatten(2), shapes), _levels(values, shapes), strict=True
    ):
        level.copy_(inner)
    return values.view(batch, num_values, heads, width)


def _insides(table: Tensor, shapes: Shapes) -> list[Tensor]:
    """Views [B, h, w, H d] of the levels without their rims."""
    sizes = [(height + 2) * (width + 2) for height, width in shapes]
    parts = torch.split(table, sizes, dim=1)
    return [
        part.view(len(table), height + 2, width + 2, -1)[:, 1:-1, 1:-1]
        for part, (height, width) in zip(parts, shapes, strict=True)
    ]


def _levels(values: Tensor, shapes: Shapes) -> list[Tensor]:
    """Views [B, h, w, H d] of the levels."""
    parts = torch.split(values, [height * width for height, width in shapes], dim=1)
    return [
        part.view(len(values), height, width, -1)
        for part, (height, width) in zip(parts, shapes, strict=True)
    ]


def _edges(shapes: Shapes, grid: _Grid, batch: int, heads: int) -> Tensor:
    """int64 [4, B C H]: the first base row whose samples reach a table row through each corner."""
    device = grid.stride.device
    cells = grid.starts[-1]
    sizes = torch.tensor([b - a for a, b in zip(grid.starts, grid.starts[1:], strict=False)])
    begin = torch.tensor(grid.starts[:-1]).repeat_interleave(sizes).to(device)  # [C]
    stride = torch.tensor([width + 2 for _, width in shapes]).repeat_interleave(sizes).to(device)
    images = torch.arange(batch, device=device)[:, None] * cells
    floor = ((images + begin) * heads)[..., None].expand(-1, -1, heads).flatten()
    down = (stride * heads)[None, :, None].expand(batch, -1, heads).flatten()
    row = torch.arange(batch * cells * heads, device=device)
    reached = torch.stack((row, row - heads, row - down, row - down - heads))
    return torch.maximum(reached, floor)


def _table_gradient(outer: Tensor, rows: Tensor, shares: Tensor, edges: Tensor) -> Tensor:
    """Scatters the outer gradient [B Q H, d] into the table [B C H, d].

    Sorted by base row, the samples of a cell lie together, for all four corners alike: a corner is only
    a shift. So scattering becomes four weighted sums in a fixed order, which no thread can disturb.
    """
    order = torch.sort(rows.flatten(), stable=True).indices
    counts = torch.bincount(rows.flatten(), minlength=edges.shape[1])
    before = F.pad(counts.cumsum(0), (1, 0))
    source = order.div(rows.shape[1], rounding_mode="floor")
    table = outer.new_zeros(edges.shape[1], outer.shape[1])
    for corner, edge in zip(shares.view(len(rows), 4, -1).unbind(1), edges, strict=True):
        mine = corner.flatten()[order]
        table += F.embedding_bag(source, outer, before[edge], mode="sum", per_sample_weights=mine)
    return table


def _dot_products(outer: Tensor, table: Tensor, rows: Tensor) -> Tensor:
    """outer[i] . table[rows[i, j]]: the gradient of a bag [B Q H, 4 k] in its weights."""
    ends = torch.arange(0, rows.numel() + 1, rows.shape[1], dtype=rows.dtype, device=rows.device)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        wanted = torch.sparse_csr_tensor(
            ends,
            rows.flatten(),
            outer.new_zeros(rows.numel()),
            size=(len(outer), len(table)),
            check_invariants=False,
        )
    products: Tensor = torch.sparse.sampled_addmm(wanted, outer, table.T, beta=0.0).values()
    return products


def _chain(products: Tensor, share: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the points [B Q H, k, 2] and of the weights [B Q H, k] from those of the corners."""
    right, down = share.unbind(-1)
    upper_left, upper_right, lower_left, lower_right = products.unbind(1)
    upper = torch.lerp(upper_left, upper_right, right)
    lower = torch.lerp(lower_left, lower_right, right)
    across = torch.lerp(upper_right - upper_left, lower_right - lower_left, down)
    for_weights = torch.lerp(upper, lower, down)
    for_points = torch.stack((across.mul_(weights), (lower - upper).mul_(weights)), dim=-1)
    return for_points.mul_((share > 0) & (share < 1)), for_weights
