"""What frames show only in order: flicker, trembling landmarks, a mouth that moves with the driver's."""

import cv2
import numpy as np
from numpy.typing import NDArray

from reenactory.models.metrics.image import Frames

Points = NDArray[np.float32] | NDArray[np.float64]

STILL_MOUTH = 0.01  # deviation of the opening: 0.0024 on a still face under noise, 0.036 to 0.17 in seven talking clips
FEWEST_FRAMES = 8  # for a correlation
UPPER_LIP, LOWER_LIP = 62, 66  # inner lips, middle; of the 68 landmarks
EYE_CORNERS = (36, 45)


def flicker(generated: Frames, driving: Frames, valid: NDArray[np.bool_]) -> float:
    """Mean absolute change from frame to frame, minus that of the driving frames.

    Args:
        generated: (T, H, W, 3) uint8 RGB.
        driving: (T, H', W', 3) uint8 RGB.
        valid: (T,) where something was rendered; a step counts where both of its frames are valid.

    Returns:
        Levels of 255, in [-255, 255]; NaN without a step.
    """
    if not len(generated) == len(driving) == len(valid):
        raise ValueError(f"lengths differ: {len(generated)} generated, {len(driving)} driving, {len(valid)} valid")
    steps = np.flatnonzero(valid[1:] & valid[:-1]).tolist()
    if not steps:
        return float("nan")
    return float(np.mean([_change(generated, step) - _change(driving, step) for step in steps]))


def _change(frames: Frames, step: int) -> float:
    return float(cv2.norm(frames[step], frames[step + 1], cv2.NORM_L1) / frames[step].size)


def landmark_jitter(generated: Points, driving: Points) -> float:
    """Mean second difference of the landmarks, without what a similarity explains, minus the driver's.

    Args:
        generated: (T, 68, 2) px, NaN where no face was found.
        driving: as ``generated``.

    Returns:
        Percent of the distance of the outer eye corners; NaN without three successive frames with both faces.
    """
    _check_points(generated, driving)
    gap = _second_differences(generated) - _second_differences(driving)
    return float(np.nanmean(gap)) if np.isfinite(gap).any() else float("nan")


def _second_differences(points: Points) -> NDArray[np.float64]:
    """(T - 2,) mean over points of |p_(t+1) - 2 p_t + p_(t-1)|, percent of the eye distance in frame t."""
    z = points.astype(np.float64) @ np.array([1, 1j])  # (T, 68): a similarity of the plane is z -> a z + b
    before, now, after = z[:-2], z[1:-1], z[2:]
    bend = np.abs(_laid_on(before, now) - 2 * now + _laid_on(after, now)).mean(axis=1)
    first, second = EYE_CORNERS
    return np.asarray(100.0 * bend / np.abs(now[:, first] - now[:, second]))


def _laid_on(moved: NDArray[np.complex128], fixed: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Each row of ``moved`` under the similarity that brings it closest to that of ``fixed``."""
    centre = fixed.mean(axis=1, keepdims=True)
    free = moved - moved.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # a row of NaN is a frame without a face
        ratio = (free.conj() * (fixed - centre)).sum(axis=1) / (np.abs(free) ** 2).sum(axis=1)
    return np.asarray(ratio[:, None] * free + centre)


def mouth_opening(points: Points) -> NDArray[np.float64]:
    """Gap of the inner lips over the distance of the outer eye corners.

    From landmarks, so that it means the same whatever made the expression coefficients.

    Args:
        points: (T, 68, 2) px, NaN where no face was found.

    Returns:
        (T,) float64, NaN where no face was found.
    """
    first, second = EYE_CORNERS
    p = points.astype(np.float64)
    gap = np.linalg.norm(p[:, UPPER_LIP] - p[:, LOWER_LIP], axis=1)
    return np.asarray(gap / np.linalg.norm(p[:, first] - p[:, second], axis=1))


def mouth_sync(generated: Points, driving: Points) -> float:
    """Pearson correlation of the mouth's opening in render and driver.

    Args:
        generated: (T, 68, 2) px, NaN where no face was found.
        driving: as ``generated``.

    Returns:
        In [-1, 1]; 0 where only the render keeps still; NaN where the driver keeps still, or with too few frames.
    """
    _check_points(generated, driving)
    made, wanted = mouth_opening(generated), mouth_opening(driving)
    both = np.isfinite(made) & np.isfinite(wanted)
    made, wanted = made[both], wanted[both]
    if len(made) < FEWEST_FRAMES or wanted.std() < STILL_MOUTH:
        return float("nan")
    if np.ptp(made) == 0.0:  # `copy`: nothing moves, so nothing moves in time
        return 0.0
    return float(np.clip(np.corrcoef(made, wanted)[0, 1], -1.0, 1.0))


def _check_points(generated: Points, driving: Points) -> None:
    if generated.shape != driving.shape or generated.shape[1:] != (68, 2):
        raise ValueError(f"expected two arrays of shape (T, 68, 2), got {generated.shape} and {driving.shape}")
