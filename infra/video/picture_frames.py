"""Frames from a folder of numbered pictures."""

from pathlib import Path

import av
import av.error
import numpy as np

from reenactory.infra.pictures import numbering_fault, picture_files
from reenactory.infra.video.command import MOST_PIXELS
from reenactory.infra.video.decode import Frames
from reenactory.infra.video.faults import FaultCode, VideoFault


def read_picture_frames(folder: Path, most: int | None = None) -> Frames:
    """Pictures of a folder, all or the first `most`, as (T, H, W, 3) uint8 RGB, in the order of their numbers.

    Raises `VideoFault` DECODE_ERROR: they are not numbered without a gap, one cannot be read, is not 8-bit RGB, or is
    of another size than the first.
    """
    files = picture_files(folder)
    fault = numbering_fault([file.name for file in files]) if files else "no pictures"
    if fault:
        raise VideoFault(FaultCode.DECODE_ERROR, fault)
    frames: list[Frames] = []
    for file in files[:most]:
        picture = _png(file) if file.suffix.lower() == ".png" else _jpeg(file)
        if frames and picture.shape != frames[0].shape:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (picture.shape, frames[0].shape)]
            raise VideoFault(FaultCode.DECODE_ERROR, f"{file.name} is {sizes[0]}, the first is {sizes[1]}")
        frames.append(picture)
    return np.stack(frames)


def _png(file: Path) -> Frames:
    """By ffmpeg: OpenCV's PNG reader fails where decord was imported before it (both bring a zlib)."""
    try:
        decoder = av.CodecContext.create("png", "r")
        decoder.options = {"max_pixels": str(MOST_PIXELS)}
        found = decoder.decode(av.Packet(file.read_bytes()))
    except av.error.FFmpegError:
        found = []
    if not found:
        raise _unreadable(file)
    if found[0].format.name != "rgb24":
        raise _not_rgb(file, found[0].format.name)
    return np.asarray(found[0].to_ndarray(), np.uint8)


def _jpeg(file: Path) -> Frames:
    """By OpenCV: its libjpeg gives what other libraries show; ffmpeg's conversion is 0.7 levels darker."""
    import cv2

    data = np.fromfile(file, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if picture is None:
        raise _unreadable(file)
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise _not_rgb(file, "gray" if picture.ndim == 2 else f"{picture.shape[2]} channels")
    return np.ascontiguousarray(picture[..., ::-1])


def _unreadable(file: Path) -> VideoFault:
    return VideoFault(FaultCode.DECODE_ERROR, f"{file.name} is no picture that can be read")


def _not_rgb(file: Path, kind: str) -> VideoFault:
    return VideoFault(FaultCode.DECODE_ERROR, f"{file.name} is {kind}, not 8-bit RGB")
