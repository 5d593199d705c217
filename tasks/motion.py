"""Motion descriptors of one clip, from its face3d rows; windows are formed at read time."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reenactory.models.face_model import motion
from reenactory.models.face_model.motion import PARTS, RADIUS, Descriptors, Windows
from reenactory.tasks.face3d import column


def descriptors(table: pa.Table) -> Descriptors:
    """(T, 73) float32: expression 64, angles 3, translation 3, crop 3 (raw values); NaN where no face was found.

    Args:
        table: the face3d rows of one clip, in frame order.
    """
    return np.concatenate([column(table, name) for name in PARTS], axis=1)


def windows(table: pa.Table, radius: int = RADIUS, hold: bool = False) -> Windows:
    """Every frame's descriptor with its neighbours.

    Args:
        table: the face3d rows of one clip, in frame order.
        radius: 13 gives the 27 frames of PIRenderer and 3DFlowRenderer.
        hold: the frame itself in every place of its window: no neighbours (k = 0) for a network that wants 27 frames.

    Returns:
        (T, 73, 2 radius + 1) float32; frame indices are clamped at the clip's ends. NaN in the columns of frames where
        no face was found: `incomplete_windows` says which windows have such columns.
    """
    of_clip = descriptors(table)
    return motion.hold(of_clip, radius) if hold else motion.windows_of(of_clip, np.arange(len(of_clip)), radius)


def incomplete_windows(table: pa.Table, radius: int = RADIUS) -> NDArray[np.bool_]:
    """(T,) bool: windows that contain a frame without a face."""
    known = np.asarray(table["detected"].combine_chunks()).astype(bool)
    return motion.incomplete(known, np.arange(len(known)), radius)
