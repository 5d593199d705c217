"""Motion descriptors: 73 numbers per frame, seen through windows of 27 frames.

`tasks.motion.windows` makes the same windows from the dataset's table. There a frame without a face leaves NaN; here
its place is taken by the nearest frame that has one, as the clip's first and last frame stand in beyond its ends.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.motion import (
    PLACES,
    Descriptors,
    detected,
    match_crop_scale,
    window_frames,
    with_crop_scale,
)
from reenactory.models.flow3d.config import MAX_RADIUS

Control = Literal["all", "expression", "pose"]


def descriptors_of(
    exp: NDArray[np.float32], angles: NDArray[np.float32], trans: NDArray[np.float32], crop: NDArray[np.float32]
) -> Descriptors:
    """(T, 64), (T, 3), (T, 3), (T, 3) as one (T, 73), raw values."""
    return np.concatenate([exp, angles, trans, crop], axis=1).astype(np.float32)


def windows(descriptors: Descriptors, frames: NDArray[np.integer] | None = None) -> NDArray[np.float32]:
    """Windows around frames of one clip.

    Args:
        descriptors: (T, 73), NaN in frames without a face.
        frames: (N,) the middles; None: all T.

    Returns:
        (N, 73, 27) float32; all NaN where no frame of the clip has a face.
    """
    middles = np.arange(len(descriptors)) if frames is None else np.asarray(frames)
    around = window_frames(middles, len(descriptors), MAX_RADIUS)
    gathered: NDArray[np.float32] = descriptors[nearest_detected(descriptors)[around]]  # (N, 27, 73)
    return np.ascontiguousarray(gathered.transpose(0, 2, 1))


def nearest_detected(descriptors: Descriptors) -> NDArray[np.intp]:
    """(T,): for each frame the nearest one with a face, the earlier of two; itself where no frame has one."""
    seen = np.flatnonzero(detected(descriptors))
    every: NDArray[np.intp] = np.arange(len(descriptors))
    if not len(seen):
        return every
    after = np.searchsorted(seen, every).clip(0, len(seen) - 1)
    before = (after - 1).clip(0)
    nearest: NDArray[np.intp] = np.where(every - seen[before] <= seen[after] - every, seen[before], seen[after])
    return nearest


def controlled(driving: Descriptors, source: Descriptors, control: Control) -> Descriptors:
    """Driving descriptors (T, 73) of which only a part drives; the rest is the source's (1, 73). NaN rows stay NaN."""
    if control == "all":
        return driving
    mixed = np.where(detected(driving)[:, None], source, np.nan).astype(np.float32)
    kept = [PLACES["exp"]] if control == "expression" else [PLACES[part] for part in ("angles", "trans", "crop")]
    for part in kept:
        mixed[:, part] = driving[:, part]
    return mixed


def match_scale(driving: Descriptors, source: Descriptors) -> Descriptors:
    """Driving descriptors (T, 73) with the face's size as in the source (1, 73): PIRenderer's rule for two people."""
    if not detected(driving).any():
        return driving
    return with_crop_scale(driving, match_crop_scale(driving, source[0]).ratio)
