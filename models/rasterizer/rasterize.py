"""Z-buffer rasterization in plain torch: any device, batched, the same bytes on every run.

Conventions, shared by every backend (they are those of PyTorch3D, so that backends can agree bit for bit):

* u grows to the right and v downwards, in pixels; pixel (row i, column j) has its centre at (j + 0.5, i + 0.5).
* A centre is inside only if its three barycentrics are all > 0. There is no top-left rule: a centre exactly on an
  edge belongs to neither neighbour.
* Smaller z is nearer. Equal z: the triangle with the lower row wins.
* A triangle is skipped if its signed area, in units of (half the short side)^2, is within 1e-8 of zero, or if any z is
  below 1e-8. Negative signed area = back face.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.rasterizer.fragments import Fragments

_EPSILON = 1e-8
_NOTHING = torch.iinfo(torch.int64).max
# (triangle, pixel) pairs examined at once: 2^18 of them take 1 MB per intermediate, which stays in a core's cache.
_PAIRS_PER_CHUNK = 1 << 18
# Spans are this much wider than computed, in pixels: the inside test decides about a pixel, their rounding must not.
_SPAN_MARGIN = 0.05


class _Corners(NamedTuple):
    """Coordinates of N triangles, one (N,) tensor each: gathers of single columns are the fast ones on a CPU."""

    u0: Tensor
    v0: Tensor
    z0: Tensor
    u1: Tensor
    v1: Tensor
    z1: Tensor
    u2: Tensor
    v2: Tensor
    z2: Tensor

    def take(self, ids: Tensor) -> "_Corners":
        return _Corners(*(value.index_select(0, ids) for value in self))


class _Spans(NamedTuple):
    """Runs of pixels that a triangle may cover, (R,) int64 each: its row of the table, first pixel and length."""

    owner: Tensor
    row: Tensor
    column: Tensor
    length: Tensor


def rasterize(
    uvz: Tensor,
    triangles: Tensor,
    size: tuple[int, int],
    cull_backfaces: bool = False,
    *,
    perspective_correct: bool = True,
) -> Fragments:
    """Finds the nearest triangle at every pixel.

    Args:
        uvz: (B, V, 3) float32: u, v in pixels, z > 0 in any unit. Vertices that are not finite hide their triangles.
        triangles: (F, 3) int64 rows of V.
        size: (H, W) of the picture.
        cull_backfaces: leave triangles with negative signed area out.
        perspective_correct: barycentrics of the surface in space (z is the distance along the optical axis of a
            pinhole camera). False = barycentrics in the picture, right for orthographic and weak-perspective cameras.

    Returns:
        Fragments of shape (B, H, W).

    Raises:
        ValueError: a shape is wrong.
    """
    if uvz.ndim != 3 or uvz.shape[-1] != 3:
        raise ValueError(f"uvz: expected (B, V, 3), got {tuple(uvz.shape)}")
    if triangles.ndim != 2 or triangles.shape[-1] != 3:
        raise ValueError(f"triangles: expected (F, 3), got {tuple(triangles.shape)}")
    batch, faces = uvz.shape[0], triangles.shape[0]
    corners = _Corners(*uvz[:, triangles].reshape(batch * faces, 9).unbind(dim=1))
    corners = _Corners(*(value.contiguous() for value in corners))  # (B F) each
    drawable = _drawable(corners, size, cull_backfaces).nonzero()[:, 0]
    spans = _spans(corners, drawable, size)
    buffer = torch.full((batch * size[0] * size[1],), _NOTHING, dtype=torch.int64, device=uvz.device)
    for part in _chunks(spans):
        _draw(buffer, part, corners, faces, size, perspective_correct)
    return _resolve(buffer, corners, faces, (batch, *size), perspective_correct)


def _drawable(c: _Corners, size: tuple[int, int], cull_backfaces: bool) -> Tensor:
    """(N,) bool: neither degenerate, nor behind the camera, nor culled, nor NaN (which compares false)."""
    area = _edge(c.u2, c.v2, c.u0, c.v0, c.u1, c.v1) / (min(size) / 2) ** 2
    keep = area > _EPSILON if cull_backfaces else (area.abs() > _EPSILON)
    for value in c:
        keep &= torch.isfinite(value)
    return keep & (c.z0 >= _EPSILON) & (c.z1 >= _EPSILON) & (c.z2 >= _EPSILON)


def _edge(u: Tensor, v: Tensor, start_u: Tensor, start_v: Tensor, end_u: Tensor, end_v: Tensor) -> Tensor:
    """Twice the signed area of (start, end, point)."""
    return (u - start_u) * (end_v - start_v) - (v - start_v) * (end_u - start_u)


def _spans(corners: _Corners, drawable: Tensor, size: tuple[int, int]) -> _Spans:
    """For every row that a triangle reaches, the columns between its edges: half the pixels of its bounding box."""
    height, width = size
    c = corners.take(drawable)
    low = torch.minimum(torch.minimum(c.v0, c.v1), c.v2)
    high = torch.maximum(torch.maximum(c.v0, c.v1), c.v2)
    first = (low - 0.5).ceil().clamp(0, height).long()
    rows = ((high - 0.5).floor().clamp(-1, height - 1).long() - first + 1).clamp(min=0)
    local = torch.repeat_interleave(rows)  # (R), row of `c`
    row = torch.arange(local.numel(), device=local.device) + (first - (rows.cumsum(0) - rows)).index_select(0, local)
    c = c.take(local)
    v = row + 0.5
    left, right = torch.full_like(v, torch.inf), torch.full_like(v, -torch.inf)
    for ua, va, ub, vb in ((c.u0, c.v0, c.u1, c.v1), (c.u1, c.v1, c.u2, c.v2), (c.u2, c.v2, c.u0, c.v0)):
        # Horizontal edges give 0 / 0 = NaN and are left out: their ends belong to the other two edges as well.
        u = ua + (v - va) / (vb - va) * (ub - ua)
        crossed = ((v - va) * (v - vb) <= 0) & torch.isfinite(u)
        left = torch.where(crossed, torch.minimum(left, u), left)
        right = torch.where(crossed, torch.maximum(right, u), right)
    column = (left - (0.5 + _SPAN_MARGIN)).ceil().clamp(0, width).long()
    count = ((right - (0.5 - _SPAN_MARGIN)).floor().clamp(-1, width - 1).long() - column + 1).clamp(min=0)
    return _Spans(drawable.index_select(0, local), row, column, count)


def _chunks(spans: _Spans) -> list[_Spans]:
    """Splits the spans so that each part has about `_PAIRS_PER_CHUNK` pixels."""
    if spans.length.numel() == 0:
        return []
    part = (spans.length.cumsum(0) - spans.length) // _PAIRS_PER_CHUNK
    sizes = torch.unique_consecutive(part, return_counts=True)[1].tolist()
    return [_Spans(*values) for values in zip(*(torch.split(value, sizes) for value in spans), strict=True)]


def _draw(
    buffer: Tensor,
    spans: _Spans,
    corners: _Corners,
    faces: int,
    size: tuple[int, int],
    perspective_correct: bool,
) -> None:
    """Lowers `buffer` (B H W) int64 to (depth bits << 32 | triangle) where a triangle of the spans is nearer."""
    height, width = size
    span = torch.repeat_interleave(spans.length)  # (pairs)
    skip = spans.column - (spans.length.cumsum(0) - spans.length)
    column = torch.arange(span.numel(), device=span.device) + skip.index_select(0, span)
    owner = spans.owner.index_select(0, span)
    row = spans.row.index_select(0, span)
    w0, w1, w2, depth = _barycentrics(column + 0.5, row + 0.5, corners.take(owner), perspective_correct)
    inside = ((w0 > 0) & (w1 > 0) & (w2 > 0) & (depth >= 0)).nonzero()[:, 0]
    owner, depth = owner.index_select(0, inside), depth.index_select(0, inside)
    # Positive floats sort like their bits, so one integer minimum is the depth test and the tie rule together.
    frame = owner // faces
    packed = (depth.view(torch.int32).long() << 32) | (owner - frame * faces)
    pixel = (frame * height + row.index_select(0, inside)) * width + column.index_select(0, inside)
    buffer.scatter_reduce_(0, pixel, packed, "amin")


def _barycentrics(
    u: Tensor, v: Tensor, c: _Corners, perspective_correct: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Barycentrics and depth, (N,) each, of the points (u, v) in the triangles `c`."""
    area = _edge(c.u2, c.v2, c.u0, c.v0, c.u1, c.v1)
    w0 = _edge(u, v, c.u1, c.v1, c.u2, c.v2) / area
    w1 = _edge(u, v, c.u2, c.v2, c.u0, c.v0) / area
    w2 = _edge(u, v, c.u0, c.v0, c.u1, c.v1) / area
    if perspective_correct:
        w0, w1, w2 = w0 * c.z1 * c.z2, w1 * c.z0 * c.z2, w2 * c.z0 * c.z1
        total = (w0 + w1 + w2).clamp(min=_EPSILON)
        w0, w1, w2 = w0 / total, w1 / total, w2 / total
    return w0, w1, w2, w0 * c.z0 + w1 * c.z1 + w2 * c.z2


def _resolve(
    buffer: Tensor, corners: _Corners, faces: int, shape: tuple[int, int, int], perspective_correct: bool
) -> Fragments:
    """Turns the packed buffer into Fragments; barycentrics are computed again, for the winners only."""
    batch, height, width = shape
    hit = buffer != _NOTHING
    triangle = torch.where(hit, buffer & 0xFFFFFFFF, -1)
    if corners.u0.numel() == 0:
        outside = torch.full((*shape, 4), -1.0, dtype=corners.u0.dtype, device=buffer.device)
        return Fragments(triangle.view(shape), outside[..., 3], outside[..., :3])
    owner = (triangle.view(batch, -1).clamp(min=0) + torch.arange(batch, device=buffer.device)[:, None] * faces).view(
        -1
    )
    v, u = torch.meshgrid(
        torch.arange(height, device=buffer.device) + 0.5, torch.arange(width, device=buffer.device) + 0.5, indexing="ij"
    )
    u, v = u.reshape(-1).repeat(batch), v.reshape(-1).repeat(batch)
    values = torch.stack(_barycentrics(u, v, corners.take(owner), perspective_correct), dim=-1)
    values = torch.where(hit[:, None], values, -1.0).view(*shape, 4)
    return Fragments(triangle.view(shape), values[..., 3], values[..., :3])
