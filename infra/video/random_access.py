"""Single frames out of a file that this program encoded."""

from collections.abc import Sequence
from pathlib import Path

import decord
import numpy as np

from reenactory.infra.video.decode import Frames
from reenactory.infra.video.faults import FaultCode, VideoFault


def read_frames_at(path: Path, indices: Sequence[int]) -> Frames:
    """Frames at `indices`, in their order: (len(indices), H, W, 3) uint8 RGB.

    Only for files that `write_video` or `cut_clips` made: decord has no deadline, and hangs on some foreign files.
    Raises IndexError for an index outside 0..count-1, `VideoFault(DECODE_ERROR)` when decord cannot read the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"read_frames_at: no regular file at {path}")
    try:
        reader = decord.VideoReader(str(path.absolute()), ctx=decord.cpu(0), num_threads=1)
    except (decord.DECORDError, RuntimeError) as error:
        raise VideoFault(FaultCode.DECODE_ERROR, "decord cannot open the file") from error
    outside = [index for index in indices if not 0 <= index < len(reader)]
    if outside:
        raise IndexError(f"read_frames_at: {outside[:5]} of {len(indices)} indices are outside 0..{len(reader) - 1}")
    if not indices:
        return np.empty((0, *reader[0].shape), np.uint8)
    frames: Frames = reader.get_batch(list(indices)).asnumpy()
    return frames
