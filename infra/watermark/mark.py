"""Puts an id into a video: quantisation index modulation of the mean picture of every two seconds.

Each code bit has its carrier. The amount of it in the mean picture of a block of frames is moved to the nearest point
of one of two shifted lattices, by a pattern that is the same in all frames of the block. The original picture is thus
no noise to the reader (Chen & Wornell 2001, dither modulation). A pattern per frame would fit each frame better, and
was measured to be lost: it changes from frame to frame, and that is what H.264 throws away first.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from reenactory.infra.watermark.carriers import dither, picture_of, project
from reenactory.infra.watermark.message import encode

SCHEME = "dct-qim-1"
MIN_SIDE_PX = 48
BLOCK_FRAMES = 48
# Distance between the points of a lattice, in grey levels of a 64 x 64 picture, by the shorter side. Small pictures
# lose more to H.264: at 64 px its noise is four times that of 256 px. PSNR about 41, 45 and 48 dB.
STEPS: tuple[tuple[int, float], ...] = ((96, 38.0), (192, 24.0), (1 << 30, 16.0))
_PASSES = 3  # the first is off where the picture is black or white already; the others make up for that

Frames = NDArray[np.uint8]


def holds_mark(height: int, width: int) -> bool:
    """Whether pictures of this size have room for a mark."""
    return min(height, width) >= MIN_SIDE_PX


def mark(frames: Frames, ident: str) -> Frames:
    """A copy of the video with the id in it.

    Args:
        frames: (T, H, W, 3) uint8 RGB, T at least 1.
        ident: 12 hexadecimal digits.

    Raises:
        ValueError: frames smaller than MIN_SIDE_PX, or no such id.
    """
    height, width = frames.shape[1:3]
    if not holds_mark(height, width):
        raise ValueError(f"mark: frames of {width}x{height} are too small, expected at least {MIN_SIDE_PX} px a side")
    step = next(step for below, step in STEPS if min(height, width) < below)
    offsets = (dither() + 0.5 * encode(ident)) * step
    marked = np.empty_like(frames)
    for start, end in blocks(len(frames)):
        _mark_block(frames[start:end], marked[start:end], offsets, step)
    return marked


def blocks(count: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """Spans of frames that share a pattern. A short rest joins the block before it, a short beginning is left out."""
    enough = BLOCK_FRAMES // 2
    edges = [edge for edge in range(first, count, BLOCK_FRAMES) if edge == first or count - edge >= enough]
    if first >= enough:
        edges = [0, *edges]
    yield from zip(edges, [*edges[1:], count], strict=True)


def mean_luma(frames: Frames) -> NDArray[np.float32]:
    """(T, H, W, 3) uint8 RGB to the mean over time of its grey levels, (H, W)."""
    import cv2  # plans and reports import this package, and pay nothing for it

    total = np.zeros(frames.shape[1:3], np.float32)
    for frame in frames:
        cv2.accumulate(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), total)
    return total / np.float32(len(frames))


def _mark_block(frames: Frames, out: Frames, offsets: NDArray[np.float64], step: float) -> None:
    before = project(mean_luma(frames))
    wanted = np.rint((before - offsets) / step) * step + offsets
    amounts = wanted - before
    for _ in range(_PASSES):
        _add(frames, picture_of(amounts, *frames.shape[1:3]), out)
        amounts += wanted - project(mean_luma(out))


def _add(frames: Frames, pattern: NDArray[np.float32], out: Frames) -> None:
    import cv2

    levels = np.repeat(np.rint(pattern).astype(np.int16)[..., None], 3, axis=-1)
    for frame, target in zip(frames, out, strict=True):
        cv2.add(frame, levels, dst=target, dtype=cv2.CV_8U)
