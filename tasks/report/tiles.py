"""Frames as pictures inside the page: strips of small tiles, mattes over a checkerboard, drawn landmarks."""

from base64 import b64encode
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

COLUMNS = 6
GAP_PX = 2
GAP_GREY = 128  # neither the page's light nor its dark: the seam is seen in both
JPEG_QUALITY = 85
CHECK_PX = 16
CHECK_GREYS = (222, 176)
POINT_RGB = (64, 255, 128)
DOT_SIXTEENTHS = 18  # of a pixel: the radius

Frames = NDArray[np.uint8]


class Strip(NamedTuple):
    """A row of tiles as one JPEG. `share` is the part of the full width of COLUMNS tiles that it fills, in percent."""

    uri: str
    width: int
    height: int
    share: float


def sampled(count: int) -> list[int]:
    """At most COLUMNS frame numbers, evenly from the first to the last."""
    return sorted({int(index) for index in np.rint(np.linspace(0, count - 1, COLUMNS))}) if count else []


def strip(frames: Frames | None, side_px: int) -> Strip | None:
    """Tiles side by side, scaled to `side_px`. frames: (n, H, W, 3) uint8 RGB; None or n = 0 gives None."""
    if frames is None or not len(frames):
        return None
    seam = np.full((side_px, GAP_PX, 3), GAP_GREY, np.uint8)
    parts: list[Frames] = []
    for frame in resized(frames, side_px):
        parts += [seam, frame] if parts else [frame]
    picture = np.concatenate(parts, axis=1)
    full = COLUMNS * side_px + (COLUMNS - 1) * GAP_PX
    return Strip(_jpeg_uri(picture), picture.shape[1], side_px, round(100 * picture.shape[1] / full, 2))


def resized(frames: Frames, side_px: int) -> Frames:
    """(n, H, W, 3) to (n, side_px, side_px, 3)."""
    tiles = [cv2.resize(frame, (side_px, side_px), interpolation=cv2.INTER_AREA) for frame in frames]
    return np.asarray(np.stack(tiles), np.uint8)


def over_checkerboard(frames: Frames | None, alphas: Frames | None) -> Frames | None:
    """Foregrounds on a checkerboard. frames and alphas: (n, H, W, 3) uint8, an alpha being grey in all channels."""
    if frames is None or alphas is None:
        return None
    rows, columns = np.indices(frames.shape[1:3]) // CHECK_PX
    board = np.where((rows + columns) % 2, *CHECK_GREYS)[..., None]
    alpha = alphas.astype(np.float32) / 255
    return np.asarray(np.rint(frames * alpha + board * (1 - alpha)), np.uint8)


def with_landmarks(frames: Frames | None, points: NDArray[np.float32], side_px: int) -> Frames | None:
    """Tiles of `side_px` with their 68 points drawn; nothing is drawn where a point is NaN.

    Args:
        frames: (n, H, W, 3) uint8 RGB.
        points: (n, 68, 2) pixels of the frames: column, row.
    """
    if frames is None or not len(frames):
        return None
    tiles = resized(frames, side_px)  # before drawing: dots that are scaled with the picture blur into it
    for tile, face in zip(tiles, points * (side_px / frames.shape[2]), strict=True):
        for x, y in face[np.isfinite(face).all(axis=1)]:
            centre = (round(16 * float(x)), round(16 * float(y)))  # to 1/16 of a pixel
            cv2.circle(tile, centre, DOT_SIXTEENTHS, POINT_RGB, -1, cv2.LINE_AA, 4)
    return tiles


def _jpeg_uri(picture: Frames) -> str:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    fine, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    if not fine:
        raise RuntimeError(f"OpenCV could not encode a picture of {picture.shape} as JPEG")
    return "data:image/jpeg;base64," + b64encode(data.tobytes()).decode()
