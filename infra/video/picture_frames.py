"""Frames from a folder of numbered pictures."""

from pathlib import Path

import numpy as np

from reenactory.infra.pictures import numbering_fault, picture_files
from reenactory.infra.video.decode import Frames
from reenactory.infra.video.faults import FaultCode, VideoFault


def read_picture_frames(folder: Path, most: int | None = None) -> Frames:
    """Pictures of a folder, all or the first `most`, as (T, H, W, 3) uint8 RGB, in the order of their numbers.

    Raises `VideoFault` DECODE_ERROR: they are not numbered without a gap, one cannot be read, is not 8-bit RGB, or is
    of another size than the first.
    """
    import cv2

    files = picture_files(folder)
    fault = numbering_fault([file.name for file in files]) if files else "no pictures"
    if fault:
        raise VideoFault(FaultCode.DECODE_ERROR, fault)
    frames: list[Frames] = []
    for file in files[:most]:
        picture = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_UNCHANGED) if file.stat().st_size else None
        if picture is None:
            raise VideoFault(FaultCode.DECODE_ERROR, f"{file.name} is no picture that can be read")
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            kind = f"{picture.dtype}, {1 if picture.ndim == 2 else picture.shape[2]} channel(s)"
            raise VideoFault(FaultCode.DECODE_ERROR, f"{file.name} is not 8-bit RGB ({kind})")
        if frames and picture.shape != frames[0].shape:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (picture.shape, frames[0].shape)]
            raise VideoFault(FaultCode.DECODE_ERROR, f"{file.name} is {sizes[0]}, the first is {sizes[1]}")
        frames.append(np.ascontiguousarray(picture[..., ::-1]))
    return np.stack(frames)
