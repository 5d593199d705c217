"""Reads the id out of a video, without the original and whatever its size."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.infra.watermark.carriers import dither, project
from reenactory.infra.watermark.mark import BLOCK_FRAMES, STEPS, Frames, blocks, holds_mark, mean_luma
from reenactory.infra.watermark.message import CODE_BITS, decode, encode

_BIN_FRAMES = 4  # where a block begins in a video that was trimmed is tried in steps of these
_BINS = BLOCK_FRAMES // _BIN_FRAMES


class Reading(NamedTuple):
    """An id that was found. One video in 120 million without a mark gives one: 36 trials against 32 bits of checksum."""

    ident: str
    wrong_bits: int  # of the code, before they were mended
    code_bits: int
    trimmed: bool  # its first frames are missing


def read_mark(chunks: Iterable[Frames]) -> Reading | None:
    """The id in a video, or None.

    Args:
        chunks: parts (n, H, W, 3) uint8 RGB of the video in order, as `read_chunks` yields them.
    """
    amounts = np.array([project(mean_luma(frames)) for frames in _bins(chunks) if holds_mark(*frames.shape[1:3])])
    if not len(amounts):
        return None
    for first in range(_BINS):  # 0: the beginning is there
        for _, step in STEPS:
            found = _read(amounts, first, step)
            if found is not None:
                return found
        if len(amounts) <= 1:
            break
    return None


def _read(amounts: NDArray[np.float64], first: int, step: float) -> Reading | None:
    """One trial. amounts: (bins, CODE_BITS)."""
    spans = list(blocks(len(amounts), first, _BINS))
    soft = np.zeros(CODE_BITS)
    for start, end in spans:
        # 1 on the points of the lattice of bit 0, -1 on those of bit 1.
        soft += np.cos(2 * np.pi * (amounts[start:end].mean(axis=0) / step - dither())) * (end - start)
    ident = decode(soft)
    if ident is None:
        return None
    return Reading(ident, int(((soft < 0) != encode(ident)).sum()), CODE_BITS, first > 0)


def _bins(chunks: Iterable[Frames]) -> Iterator[Frames]:
    """The same frames, _BIN_FRAMES at a time; a last bin may have fewer."""
    waiting: Frames | None = None
    for chunk in chunks:
        frames = chunk if waiting is None else np.concatenate([waiting, chunk])
        whole = len(frames) - len(frames) % _BIN_FRAMES
        for start in range(0, whole, _BIN_FRAMES):
            yield frames[start : start + _BIN_FRAMES]
        waiting = frames[whole:] if whole < len(frames) else None
    if waiting is not None:
        yield waiting
