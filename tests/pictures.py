"""Writes pictures for tests. Not by OpenCV: where decord was imported before it, its PNG writer makes broken files."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def write_png(path: Path, array: NDArray[np.generic], pixels: str = "rgb24") -> None:
    """`array` in ffmpeg's pixel format, e.g. (H, W, 3) uint8 for rgb24."""
    frame = av.VideoFrame.from_ndarray(array, format=pixels)
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, pixels  # type: ignore[attr-defined]
    codec.time_base = 1  # type: ignore[assignment]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)]))  # type: ignore[attr-defined]
