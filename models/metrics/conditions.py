"""How hard a frame is: how far the head must be turned, how far it is turned away, how much it moves."""

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_mesh.pose import rotation_from_angles
from reenactory.models.metrics.temporal import EYE_CORNERS

Rows = NDArray[np.float32] | NDArray[np.float64]


def pose_gap(source: Rows, driving: Rows) -> NDArray[np.float64]:
    """Angle of the rotation from the source's head pose to the driver's.

    Args:
        source: (3,) pitch, yaw, roll in radians.
        driving: (T, 3).

    Returns:
        (T,) float64 degrees in [0, 180], NaN where no face was found.
    """
    traces = np.einsum("ij,tij->t", rotation_from_angles(source), rotation_from_angles(driving))
    return np.asarray(np.degrees(np.arccos(np.clip((traces - 1) / 2, -1, 1))))


def yaw(driving: Rows) -> NDArray[np.float64]:
    """(T,) float64 degrees, how far the driver's head is turned to either side, from (T, 3) angles in radians."""
    return np.asarray(np.degrees(np.abs(driving[:, 1].astype(np.float64))))


def motion(points: Rows) -> NDArray[np.float64]:
    """How far the driver's landmarks go from one frame to the next, on average.

    Args:
        points: (T, 68, 2) px, NaN where no face was found.

    Returns:
        (T,) float64, percent of the distance of the outer eye corners; NaN where a frame or the one before has no
        face. The first frame takes the second's value, so that every frame has one.
    """
    steps = np.linalg.norm(np.diff(points.astype(np.float64), axis=0), axis=2).mean(axis=1)
    first, second = EYE_CORNERS
    way = 100.0 * steps / np.linalg.norm(points[1:, first] - points[1:, second], axis=1)
    return np.concatenate([way[:1] if len(way) else [np.nan], way])[: len(points)]
