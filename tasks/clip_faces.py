"""Where the face is in the frames of a clip: the detections of its video, carried over into the crop."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def faces_in_clip(
    detections: pa.Table, start_frame: int, frame_count: int, crop_ltrb: Sequence[float], size: tuple[int, int]
) -> NDArray[np.float32]:
    """The clip's face per frame, left, top, right, bottom in clip pixels: (frame_count, 4), NaN where none was found.

    It is the detection whose centre is nearest to the crop's, if that centre lies in the crop: crops are grown around
    their face. `crop_ltrb` is in source pixels, `size` the clip's (width, height).
    """
    found = np.full((frame_count, 4), np.nan, np.float32)
    frame = np.asarray(detections["frame"], np.int64)
    here = np.flatnonzero((frame >= start_frame) & (frame < start_frame + frame_count))
    boxes = np.asarray(detections["box_ltrb"].combine_chunks().flatten(), np.float32).reshape(-1, 4)[here]
    low, high = np.array(crop_ltrb[:2], np.float32), np.array(crop_ltrb[2:], np.float32)
    scaled = (boxes - np.tile(low, 2)) * np.tile(np.array(size, np.float32) / (high - low), 2)
    offset = np.abs((scaled[:, :2] + scaled[:, 2:]) / np.array(size, np.float32) - 1).max(axis=1, initial=0)
    for row in sorted(np.flatnonzero(offset < 1).tolist(), key=lambda row: -float(offset[row])):
        found[frame[here[row]] - start_frame] = scaled[row]  # the nearest of a frame is written last
    return found
