"""Reads the id out of a video, without the original and whatever its size."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.infra.watermark.carriers import dither, project
from reenactory.infra.watermark.mark import BLOCK_FRAMES, STEPS, Frames, blocks, holds_mark, mean_luma
from reenactory.infra.watermark.message import CODE_BITS, decode, encode


class Reading(NamedTuple):
    """An id that was found."""

    ident: str
    wrong_bits: int  # of the code, before they were mended
    code_bits: int
    skipped_frames: int  # before the first whole block: not 0 where the beginning was cut off


def read_mark(chunks: Iterable[Frames]) -> Reading | None:
    """The id in a video, or None.

    A video that was never marked gives an id with a chance of one in 30 million: 144 trials (3 strengths, 48 places
    where a block may begin), each against the 32 bits of a checksum.

    Args:
        chunks: parts (n, H, W, 3) uint8 RGB of the video in order, as `read_chunks` yields them.
    """
    found = [project(mean_luma(frame[None])) for frames in chunks for frame in frames if holds_mark(*frame.shape[:2])]
    amounts = np.array(found)
    for first in range(min(BLOCK_FRAMES, len(amounts))):
        for _, step in STEPS:
            reading = _read(amounts, first, step)
            if reading is not None:
                return reading
    return None


def _read(amounts: NDArray[np.float64], first: int, step: float) -> Reading | None:
    """One trial. amounts: (T, CODE_BITS)."""
    soft = np.zeros(CODE_BITS)
    for start, end in blocks(len(amounts), first):
        # 1 on the points of the lattice of bit 0, -1 on those of bit 1.
        soft += np.cos(2 * np.pi * (amounts[start:end].mean(axis=0) / step - dither())) * (end - start)
    ident = decode(soft)
    if ident is None:
        return None
    return Reading(ident, int(((soft < 0) != encode(ident)).sum()), CODE_BITS, first)
