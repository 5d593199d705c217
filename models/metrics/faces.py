"""Motion errors from per-frame face coefficients and landmarks: AED, APD, AKD. No face is NaN, and stays NaN."""

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.angles import wrapped

Rows = NDArray[np.float32] | NDArray[np.float64]
PerFrame = NDArray[np.float64]


def aed_l1(generated: Rows, target: Rows) -> PerFrame:
    """Expression distance: mean absolute difference over the 64 coefficients.

    Args:
        generated: exp (T, 64), a NaN row where no face was found.
        target: exp (T, 64) of the driving frames, likewise.

    Returns:
        (T,) float64, NaN where either side has no face.
    """
    return np.asarray(np.abs(_difference(generated, target, (64,))).mean(axis=1))


def aed_l2(generated: Rows, target: Rows) -> PerFrame:
    """Expression distance: Euclidean norm over the 64 coefficients. Arguments and NaN as in ``aed_l1``."""
    return np.asarray(np.linalg.norm(_difference(generated, target, (64,)), axis=1))


def apd_l1_angles(generated: Rows, target: Rows) -> PerFrame:
    """Pose distance: mean absolute difference of the three head angles, radians.

    Args:
        generated: angles (T, 3) rad, a NaN row where no face was found.
        target: angles (T, 3) rad of the driving frames, likewise.

    Returns:
        (T,) float64 in [0, pi], NaN where either side has no face.
    """
    return np.asarray(np.abs(wrapped(_difference(generated, target, (3,)))).mean(axis=1))


def apd_l2_angles(generated: Rows, target: Rows) -> PerFrame:
    """Pose distance: Euclidean norm of the angle differences, radians. Arguments and NaN as in ``apd_l1_angles``."""
    return np.asarray(np.linalg.norm(wrapped(_difference(generated, target, (3,))), axis=1))


def apd_l1_pose6(generated: Rows, target: Rows) -> PerFrame:
    """Pose distance: mean absolute difference of three angles (rad, the short way round) and three translations.

    Args:
        generated: angles and trans (T, 6), a NaN row where no face was found.
        target: as ``generated``, of the driving frames.

    Returns:
        (T,) float64, NaN where either side has no face.
    """
    difference = _difference(generated, target, (6,))
    difference[:, :3] = wrapped(difference[:, :3])
    return np.asarray(np.abs(difference).mean(axis=1))


def akd(generated: Rows, target: Rows) -> PerFrame:
    """Keypoint distance: mean absolute difference per coordinate of 68 landmarks (FOMM pose evaluation).

    Args:
        generated: landmarks (T, 68, 2), pixels of the frame scaled to 256x256, NaN where no face was found.
        target: as ``generated``, of the driving frames.

    Returns:
        (T,) float64 pixels, NaN where either side has no face.
    """
    return np.asarray(np.abs(_difference(generated, target, (68, 2))).mean(axis=(1, 2)))


def _difference(generated: Rows, target: Rows, item: tuple[int, ...]) -> NDArray[np.float64]:
    if generated.shape != target.shape or generated.shape[1:] != item:
        raise ValueError(
            f"expected two arrays of shape (T, {', '.join(map(str, item))}), got {generated.shape} and {target.shape}"
        )
    return generated.astype(np.float64) - target.astype(np.float64)
