"""What surrounds the face: rings of hair and skull that turn with it, rings that come to rest at the border.

All rings lie on rays from the middle of the face through the 36 points of its oval: a skirt behind the face, the oval
itself, then `RINGS` rings from just outside of it to far beyond the border of the picture.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from reenactory.models.face_mesh.topology import FACE_OVAL
from reenactory.models.face_model.camera import Camera
from reenactory.models.warp.head import Head, lift, project

_HEAD_RINGS = (0.2, 0.45, 0.72, 1.0, 1.15)  # from the oval (0) to the edge of the hair (1) and just beyond it
_REST_RINGS = (0.3, 0.65, 1.0)  # from there to just outside the picture
RINGS = len(_HEAD_RINGS) + len(_REST_RINGS) + 1  # and a last one far away, which never moves
RAYS = len(FACE_OVAL)
# How much of the oval's expression the rings follow: skin is soft, and a chin slides over the neck.
_FOLLOW = (0.55, 0.2, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
# How much of the head's movement the outer rings follow at the chin and below, and above the eyes. There can only be
# hair there; it slides along the border of the picture, but is held across it, or the border would be left bare.
_REST_BELOW, _REST_ALONG, _REST_ACROSS = (0.5, 0.12, 0.0), (0.95, 0.9, 0.85), (0.75, 0.4, 0.1)
_BORDER = 0.02  # the ring outside the picture, in picture sides
_FAR_AWAY = 3.0  # reach of the last ring, in reaches of that one
# In model units; ears are 1.4 apart.
_NECK = (0.03, 1.05)  # from here to there, below the chin, the head's movement fades out
_SKULL = -0.65  # Z of the plane of ears and hair
_TURNED_AWAY = 3.0  # the skull is gone from sight where the face's rim is turned away by 1/3 (19 degrees)
_FAR = 3.0  # what stands still is this much behind what moves
_BEHIND, _SKIRT = 0.03, 0.25  # the oval behind the face model's own rim, and how far the skirt reaches in
_EDGE_REACH = (1.12, 1.9)  # the hair's edge along a ray, in distances of the oval: outside of these the matte misleads
_CHIN, _EYES = 152, (33, 263)


class Rings(NamedTuple):
    """Of the source, made once. M = 36 RINGS.

    Attributes:
        rest: (M, 2), pixels of the source.
        shape: (M, 3), model units.
        rigid: (M, 2) in [0, 1], how much a vertex moves with the head, horizontally and vertically.
    """

    rest: Tensor
    shape: Tensor
    rigid: Tensor


def build_rings(points: Tensor, head: Head, camera: Camera, alpha: Tensor) -> Rings:
    """Rings around the face of the source, as far as its hair goes.

    Args:
        points: (478, 3) in model units.
        head: T = 1.
        camera: of the source.
        alpha: (H, W) float32 in [0, 1].
    """
    seen = project(points[None], head, camera)[0]
    flat = _positions(seen, alpha).flatten(0, 1)  # (M, 2)
    shape = lift(flat[None], _heights(points, head)[None], head, camera)[0]
    rigid = _rigidity(shape.view(RINGS, RAYS, 3), points, _meets_top_or_bottom(seen, alpha))
    return Rings(flat, shape, rigid.flatten(0, 1))


def move_rings(rings: Rings, source: Tensor, points: Tensor, head: Head, camera: Camera) -> Tensor:
    """Skirt, oval and rings in T frames.

    Args:
        rings: of the source.
        source: (478, 3) the source's points in model units.
        points: (T, 478, 3) those of the target.
        head: of T frames.
        camera: of the source.

    Returns:
        (T, 72 + M, 3): column, row, distance from the camera.
    """
    oval = points[:, FACE_OVAL]
    skirt = oval + _SKIRT * (oval.mean(dim=1, keepdim=True) - oval)
    inner = project(torch.cat([skirt, oval], dim=1), head, camera)
    inner[..., 2] += _BEHIND
    follow = oval.new_tensor(_FOLLOW).repeat_interleave(RAYS)[:, None]
    shape = rings.shape + follow * (oval - source[FACE_OVAL]).repeat(1, RINGS, 1)
    moved = project(shape, head, camera)
    flat = rings.rest + rings.rigid * (moved[..., :2] - rings.rest)
    # A head covers whatever it moves across.
    depth = moved[..., 2:] + _FAR * (1 - rings.rigid.amax(dim=-1, keepdim=True))
    return torch.cat([inner, torch.cat([flat, depth], dim=-1)], dim=1)


def ring_triangles(first: int) -> Tensor:
    """(G, 3) int64 rows, the skirt's being `first` and the following."""
    rows = np.arange(RAYS * (RINGS + 2)).reshape(-1, RAYS) + first
    return torch.from_numpy(np.concatenate([_band(a, b) for a, b in pairwise(rows)]))


def _band(inner: NDArray[np.int64], outer: NDArray[np.int64]) -> NDArray[np.int64]:
    """Triangles between two closed rings, the inner one clockwise in the picture."""
    a, b, c, d = inner, np.roll(inner, -1), outer, np.roll(outer, -1)
    return np.concatenate([np.stack((a, b, c), axis=1), np.stack((b, d, c), axis=1)])


def _positions(points: Tensor, alpha: Tensor) -> Tensor:
    """(RINGS, 36, 2) in the source picture."""
    height, width = alpha.shape
    middle, ray = _rays(points)
    edge = _hair_edge(middle, ray, alpha)[:, None]  # (36, 1), in multiples of the ray
    border = _per_axis(middle, ray, height, width).amin(dim=1)[:, None]
    edge = torch.minimum(edge, border * 0.75)
    head = [1 + f * (edge - 1) for f in _HEAD_RINGS]
    rest = [head[-1] + f * (border - head[-1]) for f in _REST_RINGS]
    return torch.stack([middle + reach * ray for reach in (*head, *rest, _FAR_AWAY * border)])


def _rays(points: Tensor) -> tuple[Tensor, Tensor]:
    """Middle (2,) of the oval of points (478, 3) in pixels, and from it to the oval (36, 2)."""
    oval = points[FACE_OVAL, :2]
    middle = oval.mean(dim=0)
    return middle, oval - middle


def _hair_edge(middle: Tensor, ray: Tensor, alpha: Tensor) -> Tensor:
    """(36,) where the matte ends along each ray, in multiples of it, smooth from ray to ray."""
    height, width = alpha.shape
    low, high = _EDGE_REACH
    steps = torch.linspace(low, high, 40, device=alpha.device)
    samples = middle + steps[:, None, None] * ray  # (40, 36, 2)
    grid = samples / samples.new_tensor([width, height]) * 2 - 1
    inside = F.grid_sample(alpha[None, None], grid[None], padding_mode="border", align_corners=False)[0, 0] > 0.3
    left = (~inside).int().cumsum(0) > 0  # (40, 36): the ray has left the person
    reach = low + (~left).float().sum(dim=0) * (high - low) / 40
    # Rays downwards run through neck and shoulders and never leave: a fixed collar there.
    down = (ray[:, 1] / torch.linalg.vector_norm(ray, dim=1)).clamp(min=0)
    reach = reach + ((1.0 + 0.3) - reach) * (down * 1.6).clamp(max=1)
    padded = F.pad(reach[None, None], (3, 3), mode="circular")
    return F.avg_pool1d(padded, 7, 1)[0, 0]


def _per_axis(middle: Tensor, ray: Tensor, height: int, width: int) -> Tensor:
    """(36, 2) where rays meet the sides, and the top or bottom, of the frame around the picture; in rays."""
    size = middle.new_tensor([width, height])
    far = torch.where(ray > 0, (1 + _BORDER) * size, -_BORDER * size)
    return ((far - middle) / torch.where(ray.abs() < 1e-3, 1e-3, ray)).abs()


def _meets_top_or_bottom(points: Tensor, alpha: Tensor) -> Tensor:
    """(36,) bool: the ray leaves the picture through its upper or lower border, not through a side."""
    reach = _per_axis(*_rays(points), *alpha.shape)
    return reach[:, 1] < reach[:, 0]


def _heights(points: Tensor, head: Head) -> Tensor:
    """(M,) Z in model units: from the oval's own back to the plane of the ears, which is where hair is seen."""
    oval = points[FACE_OVAL]  # (36, 3)
    skull = (oval[:, 2] - 0.07).clamp(max=_SKULL)
    outward = F.normalize(oval[:, :2] - oval[:, :2].mean(dim=0), dim=1)
    # On the side turned away the skull lies behind the face: what is seen beside the face there belongs to its rim.
    seen = (1 + _TURNED_AWAY * (outward @ head.rotation[0, 2, :2])).clamp(0, 1)  # (36,)
    fractions = oval.new_tensor([min(1.0, f) for f in _HEAD_RINGS] + [1.0] * (RINGS - len(_HEAD_RINGS)))
    return (oval[:, 2] + fractions[:, None] * seen * (skull - oval[:, 2])).flatten()


def _rigidity(shape: Tensor, points: Tensor, tops: Tensor) -> Tensor:
    """(RINGS, 36, 2): 1 on the head, 0 on shoulders and background."""
    low, high = points[_CHIN, 1], points[list(_EYES), 1].mean()
    above = _smoothstep((shape[..., 1] - low) / (high - low))[:-1, :, None]
    below = _smoothstep(((low - shape[..., 1]) - _NECK[0]) / (_NECK[1] - _NECK[0]))
    head = [1.0] * len(_HEAD_RINGS)
    rest, along, across = (
        shape.new_tensor(head + list(weights)).view(-1, 1, 1) for weights in (_REST_BELOW, _REST_ALONG, _REST_ACROSS)
    )
    vertical = torch.stack((~tops, tops), dim=1)  # (36, 2): the axis across the border
    hair = torch.where(vertical, across, along)  # (RINGS - 1, 36, 2)
    ring = rest + (hair - rest) * above
    ring = torch.cat((ring, torch.zeros_like(ring[:1])))
    return ring * (1 - below[..., None])


def _smoothstep(x: Tensor) -> Tensor:
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)
