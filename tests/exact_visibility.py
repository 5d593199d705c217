"""What a camera sees of a mesh, by casting rays through triangles in float64: no raster, no depth picture."""

from functools import cache

import numpy as np
import torch
from face_like_mesh import face_like_mesh, project, rotation
from numpy.typing import NDArray

from reenactory.models.face_maps.settings import OcclusionSettings
from reenactory.models.face_maps.visibility import view_source, visible_from_source
from reenactory.models.rasterizer.fragments import Fragments
from reenactory.models.rasterizer.rasterize import rasterize

Floats = NDArray[np.float64]
_SIDE = 256
_BACK = 1e-6  # parts of the mesh's depth: a surface does not hide itself


@cache
def mesh(dense: bool = False) -> tuple[Floats, NDArray[np.int64]]:
    """35,265 triangles that all face the camera, as many as a frontal picture shows of the field's model; or twice."""
    return face_like_mesh() if dense else face_like_mesh(17_855, 443)


def error_rates(
    source_yaw: float, yaw: float, settings: OcclusionSettings, dense: bool = False
) -> tuple[float, float, float]:
    """How a rule of visibility errs on a target that is turned by `yaw` from the source, at 256x256.

    Returns:
        Shares of the face's pixels in the target: called hidden though seen, called visible though hidden, hidden.
    """
    points, triangles = mesh(dense)
    turns = rotation(source_yaw), rotation(source_yaw + yaw, 3, 2)
    source, target = (torch.from_numpy(project(points, turn, _SIDE)).float()[None] for turn in turns)
    table, size = torch.from_numpy(triangles), (_SIDE, _SIDE)
    fragments = rasterize(target, table, size)
    face = fragments.triangle[0].numpy() >= 0
    visible = visible_from_source(view_source(source, table, size, settings), fragments, table)[0].numpy()[face]
    exact = source[0].double().numpy()
    seen = seen_at(_places(exact, fragments, triangles), exact, triangles, _SIDE)
    return float((seen & ~visible).mean()), float((visible & ~seen).mean()), float((~seen).mean())


def _places(source: Floats, target: Fragments, triangles: NDArray[np.int64]) -> Floats:
    """(N, 3) where in the source the surface points of the N pixels of the target's face are: u, v and depth."""
    covered = target.triangle[0].numpy() >= 0
    corners = source[triangles[target.triangle[0].numpy()[covered]]]  # (N, 3, 3)
    weights = target.barycentrics[0].double().numpy()[covered]
    # Weights on the surface; in the source's picture they count by the depth there.
    depth = (weights * corners[..., 2]).sum(axis=1)
    share = weights * corners[..., 2] / depth[:, None]
    return np.column_stack([(share[..., None] * corners[..., :2]).sum(axis=1), depth])


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
