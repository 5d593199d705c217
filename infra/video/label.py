"""A line of words in the corner of a video."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.infra.video.decode import Frames

_SHARE = 0.045  # of the shorter side: the height of a letter
_LEAST_PX = 7  # below, small letters run together
_WEIGHT = 500
_BOX_GREY, _BOX_OPACITY = 16.0, 0.65


class _Layout(NamedTuple):
    lines: list[str]
    size_px: int
    line_px: int
    margin_px: int
    width_px: int


def draw_label(frames: Frames, title: str, name: str) -> Frames:
    """A copy of the video with `title name` at the bottom left, white on a dark box.

    In two lines where the picture is too narrow for one. Legible from 64 px a side on; what is too long is cut off.

    Args:
        frames: (T, H, W, 3) uint8 RGB.
    """
    height, width = frames.shape[1:3]
    layout = _layout(title, name, height, width)
    letters = _letters(layout, min(height, len(layout.lines) * layout.line_px + layout.margin_px))
    tall, wide = letters.shape
    labelled = frames.copy()
    corner = labelled[:, height - tall :, :wide]
    boxed = corner * np.float32(1 - _BOX_OPACITY) + np.float32(_BOX_GREY * _BOX_OPACITY)
    share = letters[None, :, :, None]
    corner[:] = np.rint(boxed * (1 - share) + 255 * share).astype(np.uint8)
    return labelled


def _layout(title: str, name: str, height: int, width: int) -> _Layout:
    size = max(_LEAST_PX, round(_SHARE * min(height, width)))
    margin = max(2, size // 3)
    together = f"{title} {name}"
    lines = [together] if _width(together, size) + 2 * margin <= width else [title, name]
    widest = max(_width(line, size) for line in lines)
    return _Layout(lines, size, size + margin, margin, min(width, widest + 2 * margin))


def _letters(layout: _Layout, height: int) -> NDArray[np.float32]:
    """(height, width of the box) in [0, 1]: how much of each pixel is letter."""
    import cv2

    box = np.zeros((height, layout.width_px, 3), np.uint8)
    for number, line in enumerate(layout.lines, start=1):
        below = (len(layout.lines) - number) * layout.line_px + layout.margin_px
        place = (layout.margin_px, height - below)
        cv2.putText(box, line, place, (255, 255, 255), cv2.FontFace("sans"), layout.size_px, _WEIGHT)
    return np.asarray(box[..., 0] / 255, np.float32)


def _width(text: str, size_px: int) -> int:
    import cv2

    box = cv2.getTextSize((0, 0), text, (0, 0), cv2.FontFace("sans"), size_px, _WEIGHT)
    return int(box[2])
