"""One mesh over the whole picture: the face, rings of hair and skull that turn with it, rings that come to rest.

Vertices, in order: the 478 face points; the points between the lips; the rims of the eyes once more, for the eyeballs,
which turn behind the lids; then `RINGS` rings of 36 points each, from just outside the face oval to far beyond the
border of the picture. All rings lie on rays from the middle of the face through the points of its oval.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from reenactory.models.face_mesh import topology
from reenactory.models.warp.motion import Posed, ear_width, project
from reenactory.models.warp.retarget import Target

_HEAD_RINGS = (0.2, 0.45, 0.72, 1.0, 1.15)  # from the oval (0) to the edge of the hair (1) and just beyond it
_REST_RINGS = (0.3, 0.65, 1.0)  # from there to just outside the picture
RINGS = len(_HEAD_RINGS) + len(_REST_RINGS) + 1  # and a last one far away, which never moves
# How much of the oval's expression the rings follow: skin is soft, and a chin slides over the neck.
_FOLLOW = (0.55, 0.2, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
# How much of the head's movement the outer rings follow at the chin and below, and above the eyes. There can only be
# hair there; it slides along the border of the picture, but is held across it, or the border would be left bare.
_REST_BELOW, _REST_ALONG, _REST_ACROSS = (0.5, 0.12, 0.0), (0.95, 0.9, 0.85), (0.75, 0.4, 0.1)
_BORDER = 0.02  # the ring outside the picture, in picture sides
_FAR_AWAY = 3.0  # reach of the last ring, in reaches of that one
_NECK = (0.02, 0.75)  # from here to there, below the chin in ear widths, the head's movement fades out
_SKULL_DEPTH = -0.05  # behind the centre of the head in ear widths: where hair and ears are
_TURNED_AWAY = 3.0  # the skull is gone from sight where the face's rim is turned away by 1/3 (19 degrees)
_FAR = -2.0  # depth of what stands still, behind everything that moves
_EDGE_REACH = (1.12, 1.9)  # the hair's edge along a ray, in distances of the oval: outside of these the matte misleads

SEAM = np.arange(topology.POINT_COUNT, topology.POINT_COUNT + 9)
"""Vertices half way between the lips."""
_EYE_RIMS = (
    (topology.RIGHT_EYE_UPPER, topology.RIGHT_EYE_LOWER),
    (topology.LEFT_EYE_UPPER, topology.LEFT_EYE_LOWER),
)
EYE_RIM = np.concatenate([chain for rims in _EYE_RIMS for chain in rims])
"""(36,) face points that the vertices of the eyeballs repeat: upper and lower chain of the right, then the left eye."""
EYEBALLS = np.arange(SEAM[-1] + 1, SEAM[-1] + 1 + len(EYE_RIM))
EYE_FACES = slice(len(topology.FACE_TRIANGLES), len(topology.FACE_TRIANGLES) + 28)
"""Rows of the triangle table that are eyeballs."""
VERTEX_COUNT = int(EYEBALLS[-1]) + 1 + 36 * RINGS


class Mesh(NamedTuple):
    """The source's mesh, made once.

    Attributes:
        triangles: (F, 3) int64.
        points: (V, 3) float32 in the source picture: column, row, depth.
        shape: (N, 3) float32, pose-free shape of the ring vertices (N = 36 RINGS).
        rigid: (N, 2) float32 in [0, 1], how much a ring vertex moves with the head, horizontally and vertically.
        follow: (N,) float32 in [0, 1], how much it follows the expression of the oval's point on its ray.
    """

    triangles: Tensor
    points: Tensor
    shape: Tensor
    rigid: Tensor
    follow: Tensor


def build_mesh(source: Posed, alpha: Tensor) -> Mesh:
    """Rings around the face of the source, as far as its hair goes.

    Args:
        source: Posed with T = 1.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        Mesh with `VERTEX_COUNT` vertices, which covers the whole picture.
    """
    points = project(source.shape, source.rotation, source.scale, source.shift)[0]  # (478, 3)
    flat = _ring_positions(points, alpha)  # (RINGS, 36, 2)
    unit = ear_width(source.shape[0])
    depth = _ring_depth(source, unit)  # (RINGS, 36)
    shape = _lift(flat.reshape(-1, 2), depth.reshape(-1), source)
    tops = _meets_top_or_bottom(points, alpha)
    rigid = _rigidity(shape.view(RINGS, 36, 3), source.shape[0], unit, tops).reshape(-1, 2)
    follow = points.new_tensor(_FOLLOW).repeat_interleave(36)
    seen = project(shape[None], source.rotation, source.scale, source.shift)[0]
    rings = torch.cat((flat.reshape(-1, 2), _sink(seen[:, 2], rigid, unit)[:, None]), dim=1)
    vertices = torch.cat((points, _seam(points), points[list(EYE_RIM)], rings))
    return Mesh(_triangles().to(points.device), vertices, shape, rigid, follow)


def move_mesh(mesh: Mesh, target: Target) -> Tensor:
    """The mesh where the driver has it.

    Args:
        mesh: of the source.
        target: T frames.

    Returns:
        (T, V, 3) float32: column, row, depth.
    """
    rest = mesh.points[-len(mesh.rigid) :]  # (N, 3)
    oval = target.offset[:, list(topology.FACE_OVAL)].repeat(1, RINGS, 1)  # (T, N, 3)
    shape = mesh.shape + mesh.follow[:, None] * oval
    moved = project(shape, target.rotation, target.scale, target.shift)
    unit = ear_width(target.points).mean()
    depth = _sink(moved[..., 2], mesh.rigid, unit)
    flat = rest[:, :2] + mesh.rigid * (moved[..., :2] - rest[:, :2])
    rings = torch.cat((flat, depth[..., None]), dim=-1)
    return torch.cat((target.points, _seam(target.points), target.points[:, list(EYE_RIM)], rings), dim=1)


def _seam(points: Tensor) -> Tensor:
    """(..., 9, 3) half way between the lips of (..., 478, 3)."""
    return (points[..., list(topology.MOUTH_UPPER[1:-1]), :] + points[..., list(topology.MOUTH_LOWER[1:-1]), :]) / 2


def _ring_positions(points: Tensor, alpha: Tensor) -> Tensor:
    """(RINGS, 36, 2) in the source picture."""
    height, width = alpha.shape
    oval = points[list(topology.FACE_OVAL), :2]
    middle = oval.mean(dim=0)
    ray = oval - middle  # (36, 2)
    edge = _hair_edge(middle, ray, alpha)[:, None]  # (36, 1), in multiples of the ray
    border = _to_frame(middle, ray, height, width)[:, None]
    edge = torch.minimum(edge, border * 0.75)
    head = [1 + f * (edge - 1) for f in _HEAD_RINGS]
    rest = [head[-1] + f * (border - head[-1]) for f in _REST_RINGS]
    return torch.stack([middle + reach * ray for reach in (*head, *rest, _FAR_AWAY * border)])


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


def _to_frame(middle: Tensor, ray: Tensor, height: int, width: int) -> Tensor:
    """(36,) where the rays meet the frame around the picture, in multiples of the ray."""
    return _per_axis(middle, ray, height, width).amin(dim=1)


def _per_axis(middle: Tensor, ray: Tensor, height: int, width: int) -> Tensor:
    """(36, 2) where the rays meet the frame's sides (column 0) and its top or bottom (column 1)."""
    size = middle.new_tensor([width, height])
    far = torch.where(ray > 0, (1 + _BORDER) * size, -_BORDER * size)
    return ((far - middle) / torch.where(ray.abs() < 1e-3, 1e-3, ray)).abs()


def _meets_top_or_bottom(points: Tensor, alpha: Tensor) -> Tensor:
    """(36,) bool: the ray leaves the picture through its upper or lower border, not through a side."""
    height, width = alpha.shape
    oval = points[list(topology.FACE_OVAL), :2]
    middle = oval.mean(dim=0)
    reach = _per_axis(middle, oval - middle, height, width)
    return reach[:, 1] < reach[:, 0]


def _ring_depth(source: Posed, unit: Tensor) -> Tensor:
    """(RINGS, 36) pose-free Z: from the oval's own back to the plane of the ears, which is where hair is seen."""
    oval = source.shape[0, topology.FACE_OVAL]  # (36, 3)
    skull = torch.minimum(_SKULL_DEPTH * unit, oval[:, 2] - 0.05 * unit)
    outward = F.normalize(oval[:, :2] - oval[:, :2].mean(dim=0), dim=1)
    # On the side turned away the skull lies behind the face: what is seen beside the face there belongs to its rim.
    seen = (1 + _TURNED_AWAY * (outward @ source.rotation[0, 2, :2])).clamp(0, 1)  # (36,)
    fractions = oval.new_tensor([min(1.0, f) for f in _HEAD_RINGS] + [1.0] * (RINGS - len(_HEAD_RINGS)))
    return oval[:, 2] + fractions[:, None] * seen * (skull - oval[:, 2])


def _lift(flat: Tensor, depth: Tensor, source: Posed) -> Tensor:
    """Pose-free shape (N, 3) that is seen at `flat` (N, 2) in the source and has Z = `depth` (N,)."""
    rotation, shift = source.rotation[0], source.shift[0]
    x, y = flat[:, 0] - shift[0], -flat[:, 1] - shift[1]
    # Third row of R^T (point - t) = Z, solved for the one unknown; a source in profile has no skull behind the face.
    z = (depth - rotation[0, 2] * x - rotation[1, 2] * y) / rotation[2, 2].clamp(min=0.4)
    return torch.stack((x, y, z), dim=1) @ rotation


def _rigidity(shape: Tensor, face: Tensor, unit: Tensor, tops: Tensor) -> Tensor:
    """(RINGS, 36, 2): 1 on the head, 0 on shoulders and background."""
    low, high = face[152, 1], face[[33, 263], 1].mean()  # chin and eyes
    above = _smoothstep((shape[..., 1] - low) / (high - low))[:-1, :, None]
    below = _smoothstep(((low - shape[..., 1]) / unit - _NECK[0]) / (_NECK[1] - _NECK[0]))
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


def _sink(depth: Tensor, rigid: Tensor, unit: Tensor) -> Tensor:
    """Depth (..., N) in pixels, pushed back where nothing moves, so that a head always covers what it moves across."""
    return depth - (1 - rigid.amax(dim=-1)) * _FAR * unit


def _triangles() -> Tensor:
    """(F, 3) int64."""
    groups = [topology.FACE_TRIANGLES, *_eye_triangles()]
    seam = np.concatenate(([topology.MOUTH_UPPER[0]], SEAM, [topology.MOUTH_UPPER[-1]]))
    groups += [
        topology.strip_triangles(topology.MOUTH_UPPER, seam),
        topology.strip_triangles(seam, topology.MOUTH_LOWER),
    ]
    first = int(EYEBALLS[-1]) + 1
    ring = topology.FACE_OVAL
    for index in range(RINGS):
        outer = np.arange(first + 36 * index, first + 36 * (index + 1))
        groups.append(_band(ring, outer))
        ring = outer
    return torch.from_numpy(np.concatenate(groups))


def _eye_triangles() -> list[NDArray[np.int64]]:
    """Two (14, 3) strips over the vertices of the eyeballs; the corners of the lower chains are left unused."""
    groups = []
    for upper, lower in EYEBALLS.reshape(2, 2, 9):
        lower = np.concatenate((upper[:1], lower[1:-1], upper[-1:]))
        groups.append(topology.strip_triangles(upper, lower))
    return groups


def _band(inner: NDArray[np.int64], outer: NDArray[np.int64]) -> NDArray[np.int64]:
    """Triangles between two closed rings, the inner one clockwise in the picture."""
    a, b, c, d = inner, np.roll(inner, -1), outer, np.roll(outer, -1)
    return np.concatenate([np.stack((a, b, c), axis=1), np.stack((b, d, c), axis=1)])
