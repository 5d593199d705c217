"""Z-buffer rasterization in plain torch: any device, batched, the same bytes on every run."""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.rasterizer.fragments import Fragments
from reenactory.models.rasterizer.ndc import EPSILON, pixel_centres, to_ndc

_NOTHING = torch.iinfo(torch.int64).max
# (triangle, pixel) pairs examined at once: 2^18 of them take 1 MB per intermediate, which stays in a core's cache.
_PAIRS_PER_CHUNK = 1 << 18


class _Corners(NamedTuple):
    """NDC of N triangles, one (N,) tensor each: gathers of single columns are the fast ones on a CPU."""

    x0: Tensor
    y0: Tensor
    z0: Tensor
    x1: Tensor
    y1: Tensor
    z1: Tensor
    x2: Tensor
    y2: Tensor
    z2: Tensor

    def take(self, ids: Tensor) -> "_Corners":
        return _Corners(*(value.index_select(0, ids) for value in self))


class _Spans(NamedTuple):
    """Runs of pixels inside a triangle's bounding box, (R,) int64 each: its triangle, row, first column and length."""

    owner: Tensor
    row: Tensor
    column: Tensor
    length: Tensor


class _Centres(NamedTuple):
    """NDC of pixel centres, (H,) and (W,)."""

    rows: Tensor
    columns: Tensor


def rasterize(
    uvz: Tensor, triangles: Tensor, size: tuple[int, int], cull_backfaces: bool, perspective_correct: bool
) -> Fragments:
    """See `reenactory.models.rasterizer.rasterize`, which checks the arguments."""
    batch, faces = uvz.shape[0], triangles.shape[0]
    xyz = to_ndc(uvz, size)
    columns = xyz[:, triangles].reshape(batch * faces, 9).unbind(dim=1)
    corners = _Corners(*(value.contiguous() for value in columns))  # (B F) each
    centres = _Centres(*pixel_centres(size, uvz.device))
    drawable = _drawable(corners, cull_backfaces).nonzero()[:, 0]
    spans = _spans(corners, drawable, centres)
    buffer = torch.full((batch * size[0] * size[1],), _NOTHING, dtype=torch.int64, device=uvz.device)
    for part in _chunks(spans):
        _draw(buffer, part, corners, faces, centres, perspective_correct)
    return _resolve(buffer, corners, faces, (batch, *size), centres, perspective_correct)


def _drawable(c: _Corners, cull_backfaces: bool) -> Tensor:
    """(N,) bool: neither degenerate, nor behind the camera, nor culled."""
    area = _edge(c.x2, c.y2, c.x0, c.y0, c.x1, c.y1)
    keep = area > EPSILON if cull_backfaces else (area.abs() > EPSILON)
    return keep & (c.z0 > 0) & (c.z1 > 0) & (c.z2 > 0)


def _edge(x: Tensor, y: Tensor, start_x: Tensor, start_y: Tensor, end_x: Tensor, end_y: Tensor) -> Tensor:
    """Twice the signed area of (start, end, point)."""
    return (x - start_x) * (end_y - start_y) - (y - start_y) * (end_x - start_x)


def _spans(corners: _Corners, drawable: Tensor, centres: _Centres) -> _Spans:
    """Every row of every bounding box, its sides included."""
    c = corners.take(drawable)
    first, rows = _range(c.y0, c.y1, c.y2, centres.rows)
    column, length = _range(c.x0, c.x1, c.x2, centres.columns)
    rows = torch.where(length > 0, rows, 0)
    local = torch.repeat_interleave(rows)  # (R), row of `c`
    row = torch.arange(local.numel(), device=local.device) + (first - (rows.cumsum(0) - rows)).index_select(0, local)
    return _Spans(drawable.index_select(0, local), row, column.index_select(0, local), length.index_select(0, local))


def _range(a: Tensor, b: Tensor, c: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """First pixel centre and number of them, (N,) int64 each, between the lowest and the highest of a, b and c."""
    low, high = torch.minimum(torch.minimum(a, b), c), torch.maximum(torch.maximum(a, b), c)
    first = torch.searchsorted(centres, low)
    return first, torch.searchsorted(centres, high, right=True) - first


def _chunks(spans: _Spans) -> list[_Spans]:
    """Splits the spans so that each part has about `_PAIRS_PER_CHUNK` pixels."""
    if spans.length.numel() == 0:
        return []
    part = (spans.length.cumsum(0) - spans.length) // _PAIRS_PER_CHUNK
    sizes = torch.unique_consecutive(part, return_counts=True)[1].tolist()
    return [_Spans(*values) for values in zip(*(torch.split(value, sizes) for value in spans), strict=True)]


def _draw(
    buffer: Tensor, spans: _Spans, corners: _Corners, faces: int, centres: _Centres, perspective_correct: bool
) -> None:
    """Lowers `buffer` (B H W) int64 to (depth bits << 32 | triangle) where a triangle of the spans is nearer."""
    height, width = len(centres.rows), len(centres.columns)
    span = torch.repeat_interleave(spans.length)  # (pairs)
    skip = spans.column - (spans.length.cumsum(0) - spans.length)
    column = torch.arange(span.numel(), device=span.device) + skip.index_select(0, span)
    owner = spans.owner.index_select(0, span)
    row = spans.row.index_select(0, span)
    x, y = centres.columns.index_select(0, column), centres.rows.index_select(0, row)
    w0, w1, w2, depth = _barycentrics(x, y, corners.take(owner), perspective_correct)
    inside = ((w0 > 0) & (w1 > 0) & (w2 > 0) & (depth >= 0)).nonzero()[:, 0]
    owner, depth = owner.index_select(0, inside), depth.index_select(0, inside)
    # Positive floats sort like their bits, so one integer minimum is the depth test and the tie rule together.
    frame = owner // faces
    packed = (depth.view(torch.int32).long() << 32) | (owner - frame * faces)
    pixel = (frame * height + row.index_select(0, inside)) * width + column.index_select(0, inside)
    buffer.scatter_reduce_(0, pixel, packed, "amin")


def _barycentrics(
    x: Tensor, y: Tensor, c: _Corners, perspective_correct: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Barycentrics and depth, (N,) each, of the points (x, y) in the triangles `c`."""
    # PyTorch3D adds its epsilon, a double, to the area, and rounds the sum to float.
    area = (_edge(c.x2, c.y2, c.x0, c.y0, c.x1, c.y1).double() + EPSILON).float()
    w0 = _edge(x, y, c.x1, c.y1, c.x2, c.y2) / area
    w1 = _edge(x, y, c.x2, c.y2, c.x0, c.y0) / area
    w2 = _edge(x, y, c.x0, c.y0, c.x1, c.y1) / area
    if perspective_correct:
        w0, w1, w2 = w0 * c.z1 * c.z2, w1 * c.z0 * c.z2, w2 * c.z0 * c.z1
        total = (w0 + w1 + w2).clamp(min=EPSILON)
        w0, w1, w2 = w0 / total, w1 / total, w2 / total
    return w0, w1, w2, w0 * c.z0 + w1 * c.z1 + w2 * c.z2


def _resolve(
    buffer: Tensor,
    corners: _Corners,
    faces: int,
    shape: tuple[int, int, int],
    centres: _Centres,
    perspective_correct: bool,
) -> Fragments:
    """Turns the packed buffer into Fragments; barycentrics are computed again, for the winners only."""
    batch = shape[0]
    hit = buffer != _NOTHING
    triangle = torch.where(hit, buffer & 0xFFFFFFFF, -1)
    first = torch.arange(batch, device=buffer.device)[:, None] * faces
    owner = (triangle.view(batch, -1).clamp(min=0) + first).view(-1)
    y, x = (axis.reshape(-1).repeat(batch) for axis in torch.meshgrid(*centres, indexing="ij"))
    values = torch.stack(_barycentrics(x, y, corners.take(owner), perspective_correct), dim=-1)
    values = torch.where(hit[:, None], values, -1.0).view(*shape, 4)
    return Fragments(triangle.view(shape), values[..., 3], values[..., :3])
