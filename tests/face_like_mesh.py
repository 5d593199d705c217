"""A dense mesh as large as the field's face model and roughly of its shape, with an own small camera. Made of numbers
only: nothing of any face model is in it."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

VERTICES, TRIANGLES = 35_709, 70_789
_RIM = 2 * VERTICES - 2 - TRIANGLES  # Euler: a triangulated disc with this many corners has that many triangles

Floats = NDArray[np.float64]


def face_like_mesh(vertices: int = VERTICES, rim: int = _RIM) -> tuple[Floats, NDArray[np.int64]]:
    """The front of a head: an ellipsoid from ear to ear with nose, brows, eye sockets and lips.

    Returns:
        (V, 3) float64, x right, y up, z towards the viewer, about 2 high; (2 V - 2 - rim, 3) int64, front facing where
        the camera below sees their outer side.
    """
    inner = np.arange(vertices - rim) + 0.5
    radius = np.sqrt(inner / len(inner)) * (1 - 2 / np.sqrt(vertices))
    angle = inner * np.pi * (3 - np.sqrt(5))  # a sunflower: even, and no two edges in line
    around = np.arange(rim) * 2 * np.pi / rim
    disc = np.concatenate(
        [
            np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1),
            np.stack([np.cos(around), np.sin(around)], axis=1),
        ]
    )
    triangles = Delaunay(disc).simplices.astype(np.int64)
    a, b, c = (disc[triangles[:, corner]] for corner in range(3))
    turned = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]) < 0
    triangles[turned] = triangles[turned][:, ::-1]
    # The disc is wrapped around the head: sideways to behind the cheeks, upwards and downwards to forehead and chin.
    tilt = np.linalg.norm(disc * np.radians([100, 75]), axis=1)
    side = disc * [100, 75]
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12)
    points = np.stack([np.sin(tilt) * side[:, 0], np.sin(tilt) * side[:, 1], np.cos(tilt)], axis=1) * [0.75, 1.0, 0.8]
    points[:, 2] += _relief(points[:, 0], points[:, 1]) * (points[:, 2] > 0)
    return points, triangles


def _relief(x: Floats, y: Floats) -> Floats:
    def bump(cx: float, cy: float, sx: float, sy: float) -> Floats:
        return np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)

    nose = 0.30 * bump(0, -0.10, 0.11, 0.14) + 0.12 * bump(0, 0.12, 0.08, 0.22)
    brows = 0.06 * (bump(-0.27, 0.33, 0.2, 0.07) + bump(0.27, 0.33, 0.2, 0.07))
    sockets = -0.10 * (bump(-0.27, 0.18, 0.13, 0.08) + bump(0.27, 0.18, 0.13, 0.08))
    lips = 0.07 * bump(0, -0.42, 0.2, 0.035) + 0.06 * bump(0, -0.52, 0.16, 0.04)
    return nose + brows + sockets + lips


def rotation(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Floats:
    """(3, 3), degrees."""
    a, b, c = np.radians([pitch, yaw, roll])
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return z @ y @ x


def project(points: Floats, turn: Floats, side: int, shift: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """Points (V, 3) turned, ten units before a pinhole camera: (V, 3) u, v in pixels of a square picture, and depth."""
    x, y, z = (points @ turn.T).T
    depth = 10 - z
    focal = 4.0 * side  # the head takes four fifths of the picture
    return np.stack([side / 2 + focal * x / depth + shift[0], side / 2 - focal * y / depth + shift[1], depth], axis=1)
