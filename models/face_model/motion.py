"""The 73-number motion descriptor and its windows (PIRenderer, 3DFlowRenderer; methods B.6). Values are raw."""

from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.angles import wrapped

PARTS = {"exp": 64, "angles": 3, "trans": 3, "crop": 3}  # columns of face3d, in the descriptor's order
WIDTH = sum(PARTS.values())  # 73
RADIUS = 13  # 27 frames; one paper calls 13 the "size", the published settings call it the radius

_ENDS = dict(zip(PARTS, accumulate(PARTS.values()), strict=True))
PLACES = {part: slice(_ENDS[part] - width, _ENDS[part]) for part, width in PARTS.items()}
EXP, ANGLES, CROP_SCALE = PLACES["exp"], PLACES["angles"], PLACES["crop"].start

Descriptors = NDArray[np.float32]
Windows = NDArray[np.float32]
Frames = NDArray[np.integer]


class Filled(NamedTuple):
    """Descriptors with short gaps closed.

    Attributes:
        descriptors: (T, 73) float32.
        filled: (T,) bool, where a value was made up.
    """

    descriptors: Descriptors
    filled: NDArray[np.bool_]


class CropScale(NamedTuple):
    """The driving frame most like the source, and what every driving frame's s is multiplied by."""

    frame: int
    ratio: float


def detected(descriptors: Descriptors) -> NDArray[np.bool_]:
    """(T,): frames with a face, i.e. without NaN."""
    return np.asarray(np.isfinite(descriptors).all(axis=1))


def window_frames(frames: Frames, count: int, radius: int = RADIUS) -> NDArray[np.int64]:
    """Which frames stand in each window: those of a clip's ends are repeated.

    Args:
        frames: (N,), each in 0 to count - 1.
        count: frames of the clip.

    Returns:
        (N, 2 radius + 1) int64.

    Raises:
        IndexError: a frame that the clip does not have.
    """
    wanted = np.asarray(frames, dtype=np.int64)[:, None]
    around = wanted + _offsets(radius)
    np.maximum(around, 0, out=around)  # with out: half the time of np.clip where a loader asks for single windows
    np.minimum(around, count - 1, out=around)
    if (around[:, radius : radius + 1] != wanted).any():
        raise IndexError(f"frames {wanted.min()} to {wanted.max()} of a clip of {count}")
    return around


@lru_cache(maxsize=16)
def _offsets(radius: int) -> NDArray[np.int64]:
    if radius < 0:
        raise ValueError(f"radius: expected 0 or more frames, got {radius}")
    return np.arange(-radius, radius + 1)


def windows_of(descriptors: Descriptors, frames: Frames, radius: int = RADIUS) -> Windows:
    """Windows around some frames of one clip.

    Args:
        descriptors: (T, 73), all frames of the clip.
        frames: (N,).

    Returns:
        (N, 73, 2 radius + 1) float32, frame N's own descriptor in the middle.
    """
    gathered: Windows = descriptors[window_frames(frames, len(descriptors), radius)]  # (N, 2r+1, 73)
    return gathered.transpose(0, 2, 1)


def hold(descriptors: Descriptors, radius: int = RADIUS) -> Windows:
    """Windows that stand still: a still image, or the ablation without neighbours (k = 0) for the same network.

    Args:
        descriptors: (N, 73).

    Returns:
        (N, 73, 2 radius + 1) float32, read-only: each descriptor, 2 radius + 1 times.
    """
    return np.broadcast_to(descriptors[:, :, None], (*descriptors.shape, 2 * radius + 1))


def incomplete(known: NDArray[np.bool_], frames: Frames, radius: int = RADIUS) -> NDArray[np.bool_]:
    """Which windows contain a frame that is not `known`.

    Args:
        known: (T,), all frames of the clip.
        frames: (N,).

    Returns:
        (N,) bool.
    """
    return np.asarray(~known[window_frames(frames, len(known), radius)].all(axis=1))


def fill_gaps(descriptors: Descriptors, max_gap_frames: int) -> Filled:
    """Linear interpolation over gaps of at most so many frames, between two frames that are known.

    Angles take the short way round. Nothing is made up before the first known frame or after the last, and longer
    gaps stay NaN altogether.

    Args:
        descriptors: (T, 73), NaN rows where no face was found.
        max_gap_frames: 0 fills nothing.
    """
    known = detected(descriptors)
    place = np.arange(len(known))
    before = np.maximum.accumulate(np.where(known, place, -1))
    after = np.minimum.accumulate(np.where(known, place, len(known))[::-1])[::-1]
    filled = ~known & (before >= 0) & (after < len(known)) & (after - before - 1 <= max_gap_frames)
    first, last = descriptors[before[filled]], descriptors[after[filled]]  # (G, 73)
    share = ((place - before) / np.maximum(after - before, 1))[filled, None]
    step = last - first
    step[:, ANGLES] = wrapped(step[:, ANGLES])
    between = first + share * step
    between[:, ANGLES] = wrapped(between[:, ANGLES])
    result = descriptors.copy()
    result[filled] = between
    return Filled(result, filled)


def match_crop_scale(driving: Descriptors, source: Descriptors) -> CropScale:
    """PIRenderer's normalisation across identities: 0.3 mean |exp - exp'| + 0.7 mean |angles - angles'| is smallest.

    Args:
        driving: (T, 73); NaN rows are passed over.
        source: (73,).

    Raises:
        ValueError: no driving frame, or not the source, has numbers.
    """
    difference = np.abs(driving.astype(np.float64) - source)
    distance = 0.3 * difference[:, EXP].mean(axis=1) + 0.7 * difference[:, ANGLES].mean(axis=1)
    ratios = source[CROP_SCALE] / driving[:, CROP_SCALE].astype(np.float64)
    distance[~np.isfinite(ratios)] = np.nan
    if np.isnan(distance).all():
        raise ValueError("no crop scale to match: the source, or every driving frame, is without a face")
    frame = int(np.nanargmin(distance))
    return CropScale(frame, float(ratios[frame]))


def with_crop_scale(driving: Descriptors, ratio: float) -> Descriptors:
    """Descriptors (T, 73) whose s is multiplied; tx and ty stay (methods B.6)."""
    result = driving.copy()
    result[:, CROP_SCALE] *= np.float32(ratio)
    return result
