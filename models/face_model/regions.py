"""Where lips, brows, beard and hair are on the open model: soft masks from the landmarks on its mean face.

Only sums, products, quotients and square roots are used, which round alike on every machine.
"""

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_mesh.topology import FACE_OVAL

Floats = NDArray[np.float64]

OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
_SUBNASALE, _CHIN, _RIGHT_EYE_CORNER, _RIGHT_TEMPLE = 2, 152, 33, 127
_MOUTH_CORNER = 78
_CHEEKS = (50, 280)
_EYE_CENTRES = (468, 473)

REGIONS = ("oval", "lips", "brows", "beard", "hair", "cheeks", "eye_surroundings", "mouth_corners")

_LIP_EDGE, _BROW_EDGE, _FACE_EDGE = 0.012, 0.03, 0.06  # model units over which a region fades


def soft_regions(vertices: Floats, points: Floats, parts: dict[str, NDArray[np.bool_]]) -> dict[str, Floats]:
    """Soft masks in [0, 1] on the neutral mean face.

    Args:
        vertices: (V, 3) in model units.
        points: (478, 3), the landmarks on it.
        parts: of the head mesh, by name (V,) bool.

    Returns:
        (V,) by each name of `REGIONS`.
    """
    flat, front = vertices[:, :2], vertices[:, 2] > points[_RIGHT_TEMPLE, 2] - 0.2
    head = (parts["head"] | parts["neck"]).astype(np.float64)
    oval = inside(flat, points[FACE_OVAL, :2], _FACE_EDGE) * front * head
    lips = inside(flat, points[list(OUTER_LIPS), :2], _LIP_EDGE) * front * parts["head"]
    brows = [inside(flat, points[list(brow), :2], _BROW_EDGE) for brow in (RIGHT_BROW, LEFT_BROW)]
    below_nose = _ramp(points[_SUBNASALE, 1] - flat[:, 1], -0.05, 0.08)
    above_throat = _ramp(flat[:, 1] - points[_CHIN, 1], -0.35, -0.05)
    before_ears = _ramp(vertices[:, 2] - points[_RIGHT_TEMPLE, 2], -0.05, 0.15)
    return {
        "oval": oval,
        "lips": lips,
        "brows": np.maximum(*brows) * front * head,
        "beard": below_nose * above_throat * before_ears * head * (1 - lips),
        "hair": _hair(vertices, points) * head * (1 - oval),
        "cheeks": _spots(vertices, points[list(_CHEEKS)], 0.28) * head,
        "eye_surroundings": _spots(vertices, points[list(_EYE_CENTRES)], 0.32) * head,
        "mouth_corners": _ramp(np.abs(vertices[:, 0]) / np.abs(points[_MOUTH_CORNER, 0]), 0.55, 0.85),
    }


def _hair(vertices: Floats, points: Floats) -> Floats:
    """Above the brow in front, behind the ears down to the nape. Ears stick out of it: they are far from the middle."""
    temple, corner = points[_RIGHT_TEMPLE], points[_RIGHT_EYE_CORNER]
    depth = np.maximum(temple[2] - vertices[:, 2], 0)
    line = corner[1] + 0.15 - 0.9 * depth
    not_ears = 1 - _ramp(np.abs(vertices[:, 0]) - np.abs(temple[0]), 0.03, 0.06)
    above = _ramp(vertices[:, 1] - line, 0.0, 0.15)
    return above * np.where(vertices[:, 1] > corner[1] + 0.35, 1.0, not_ears)


def _ramp(value: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _spots(vertices: Floats, centres: Floats, radius: float) -> Floats:
    distance = np.min([np.sqrt(((vertices - centre) ** 2).sum(axis=1)) for centre in centres], axis=0)
    return 1 - _ramp(distance, 0.0, radius)


def inside(flat: Floats, ring: Floats, edge: float) -> Floats:
    """(V,) 1 inside the polygon `ring` (N, 2), falling to 0 over `edge` on either side of its rim."""
    start, end = ring, np.roll(ring, -1, axis=0)
    along = end - start  # (N, 2)
    offset = flat[:, None] - start  # (V, N, 2)
    share = np.clip((offset * along).sum(axis=-1) / (along * along).sum(axis=-1), 0, 1)
    distance = np.sqrt(((offset - share[..., None] * along) ** 2).sum(axis=-1)).min(axis=1)
    above = flat[:, None, 1] < np.stack([start[:, 1], end[:, 1]])[:, None]  # (2, V, N)
    crossing = start[:, 0] + (flat[:, None, 1] - start[:, 1]) * along[:, 0] / np.where(along[:, 1] == 0, 1, along[:, 1])
    odd = ((above[0] != above[1]) & (flat[:, None, 0] < crossing)).sum(axis=1) % 2 == 1
    return _ramp(np.where(odd, distance, -distance), -edge, edge)
