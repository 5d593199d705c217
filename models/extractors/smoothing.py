"""Less jitter in the curves of a clip, with blinks and syllables left as they are."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from reenactory.models.extractors.protocol import Fit

_ANGLES = slice(64, 67)  # among the columns of exp, angles and trans
_USUAL = 3.0  # times a curve's usual bend: a sharper one is a movement, and is left alone


def smoothed(fit: Fit, strength: float) -> Fit:
    """Expression, angles and translation with their second differences held down; all else as it was.

    Every curve x of the values y minimises sum (x - y)^2 + strength * sum w (second difference of x)^2 (Whittaker),
    with w near 1 where y bends as it usually does in this clip and near 0 where it bends sharply. Frames without a face
    stay without, and nothing passes over them.

    Args:
        fit: of one clip.
        strength: 0 = none; 1 leaves a third of the jitter.

    Raises:
        ValueError: the strength is negative.
    """
    if strength < 0:
        raise ValueError(f"strength: expected 0 or more, got {strength}")
    if strength == 0:
        return fit
    curves = np.concatenate([fit.exp, fit.angles, fit.trans], axis=1).astype(np.float64)
    seen = np.flatnonzero(np.isfinite(curves).all(axis=1))
    result = np.full_like(curves, np.nan)
    result[seen] = curves[seen]
    result[seen, _ANGLES] = np.unwrap(curves[seen, _ANGLES], axis=0)
    result[seen] = _smooth(result[seen], seen, strength)
    result[:, _ANGLES] = np.remainder(result[:, _ANGLES] + np.pi, 2 * np.pi) - np.pi
    exp, angles, trans = (part.astype(np.float32) for part in np.split(result, [_ANGLES.start, _ANGLES.stop], axis=1))
    return fit._replace(exp=exp, angles=angles, trans=trans)


def _smooth(curves: NDArray[np.float64], frames: NDArray[np.int64], strength: float) -> NDArray[np.float64]:
    """(N, C) of the frames (N,), one after another; a curve never leaves the range that it had."""
    count, width = curves.shape
    bend = np.zeros((count, width))  # row t: of t, t + 1, t + 2
    bend[:-2] = np.diff(curves, 2, axis=0)
    whole = np.zeros(count, bool)
    whole[:-2] = frames[2:] - frames[:-2] == 2
    if not whole.any():
        return curves
    usual = 1.4826 * np.median(np.abs(bend[whole]), axis=0)
    weight = strength * whole[:, None] / (1 + (bend / np.maximum(_USUAL * usual, 1e-12)) ** 2) ** 2
    # All curves are one banded system: a weight of 0 at their ends and at gaps keeps them apart.
    w = weight.T.ravel()
    once, twice = np.concatenate([[0], w[:-1]]), np.concatenate([[0, 0], w[:-2]])
    bands = np.stack([1 + w + 4 * once + twice, -2 * (w + once), w])
    result: NDArray[np.float64] = solveh_banded(bands, curves.T.ravel(), lower=True).reshape(width, count).T
    return result.clip(curves.min(axis=0), curves.max(axis=0))
