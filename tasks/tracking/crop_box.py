"""The fixed box of a clip: how a face track's box grows, and what happens at the picture's edge."""

from dataclasses import dataclass

Box = tuple[int, int, int, int]  # left, top, right, bottom; source pixels


@dataclass(frozen=True)
class Picture:
    """Size of the source frames, as displayed."""

    width: int
    height: int


def grow(box: Box, margin: float) -> Box:
    """The published growth: a square of (1 + 2 margin) times the longer side, each side truncated to whole pixels."""
    left, top, right, bottom = box
    width, height = max(1, right - left), max(1, bottom - top)  # 0: a face that only touches the picture's edge
    by_width = max(margin, ((1 + 2 * margin) * height - width) / (2 * width))
    by_height = max(margin, ((1 + 2 * margin) * width - height) / (2 * height))
    return (
        int(left - by_width * width),
        int(top - by_height * height),
        int(right + by_width * width),
        int(bottom + by_height * height),
    )


def fit_inside(box: Box, picture: Picture) -> Box:
    """The square shifted inside the picture, shrunk to its shorter side where it does not fit."""
    left, top, right, bottom = box
    side = min(max(right - left, bottom - top), picture.width, picture.height)
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
    left = min(max(int(centre_x - side / 2), 0), picture.width - side)
    top = min(max(int(centre_y - side / 2), 0), picture.height - side)
    return left, top, left + side, top + side
