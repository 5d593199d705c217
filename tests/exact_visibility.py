"""What a pinhole camera sees of a mesh, by casting rays through triangles in float64: no raster, no depth picture."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_BACK = 1e-6  # parts of the mesh's depth: a surface does not hide itself


def seen_at(places: Floats, uvz: Floats, triangles: NDArray[np.int64], side: int) -> NDArray[np.bool_]:
    """Whether nothing of the mesh is before each place, inside a square picture.

    Args:
        places: (N, 3) u, v, depth.
        uvz: (V, 3) the mesh in the same picture.
        triangles: (F, 3).
        side: of the picture.

    Returns:
        (N,)
    """
    owner, bins = _triangles_by_pixel(uvz, triangles, side)
    inside = ((places[:, :2] >= 0) & (places[:, :2] < side)).all(axis=1)
    pixel = np.where(inside, places[:, 1].astype(int).clip(0) * side + places[:, 0].astype(int).clip(0), 0)
    first, last = np.searchsorted(bins, pixel), np.searchsorted(bins, pixel, side="right")
    count = last - first
    point = np.repeat(np.arange(len(places)), count)
    step = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
    corners = uvz[triangles[owner[np.repeat(first, count) + step]]]  # (pairs, 3, 3)
    areas = np.stack([_area(places[point], corners[:, (k + 1) % 3], corners[:, (k + 2) % 3]) for k in range(3)], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = areas / areas.sum(axis=1, keepdims=True)
        z = 1 / (weights / corners[..., 2]).sum(axis=1)
    before = (weights > 0).all(axis=1) & (z < places[point, 2] - _BACK * np.ptp(uvz[:, 2]))
    hidden = np.zeros(len(places), bool)
    hidden[point[before]] = True
    return inside & ~hidden


def _triangles_by_pixel(uvz: Floats, triangles: NDArray[np.int64], side: int) -> tuple[NDArray[np.int64], ...]:
    """Pairs of a triangle and a pixel that its bounding box touches, by pixel: (P,) triangles, (P,) sorted pixels."""
    corners = uvz[triangles][..., :2]
    low = np.floor(corners.min(axis=1)).astype(int).clip(0, side - 1)
    extent = np.floor(corners.max(axis=1)).astype(int).clip(0, side - 1) - low + 1
    count = extent.prod(axis=1)
    owner = np.repeat(np.arange(len(triangles)), count)
    step = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
    column = low[owner, 0] + step % extent[owner, 0]
    pixel = (low[owner, 1] + step // extent[owner, 0]) * side + column
    order = np.argsort(pixel, kind="stable")
    return owner[order], pixel[order]


def _area(point: Floats, start: Floats, end: Floats) -> Floats:
    """Twice the area of (start, end, point), each (N, 3), in the picture."""
    along, away = end - start, point - start
    return np.asarray(away[:, 0] * along[:, 1] - away[:, 1] * along[:, 0])
