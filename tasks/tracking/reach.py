"""How far each face of a video has gone so far: where it could go further, no frame may be skipped.

The crop box is the union of a track's boxes, so a few extreme frames decide it. Measured on 32 real clips against
detection of every frame, crop boxes at 256 px: interpolating between agreeing frames alone is off by up to 9.6 px
(every 4th frame searched) or 14 px (every 8th); with this rule by at most 1.3 px at every 8th, 59 % of frames searched.
"""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]  # (N, 4) left, top, right, bottom

SAME_FACE_IOU = 0.7  # from 0.6 to 0.85 the crop boxes are the same: faces that move faster reach further anyway
# What a box jitters, as a share of the face's longer side: learned from neighbouring frames that were all searched.
FIRST_JITTER = 0.0025
LEAST_MARGIN, MOST_MARGIN = 0.001, 0.01
JITTERS = 3.0  # as margin. 1.5: 51 % searched, off by up to 2.1 px; 2: 55 %, made-up faces that sway fast off by 2.2 px
MEMORY = 0.97
OVERSHOOT = 0.1  # of the way between two searched frames
OUTWARD = np.array([-1, -1, 1, 1], np.float32)

# A new track has a new union: as `track` begins one by default.
ANCHOR_IOU = 0.25
LONGEST_TRACK = 1024


class Reach:
    """The furthest left, top, right and bottom at which each face was seen since its track began."""

    def __init__(self) -> None:
        self._anchors: Boxes = np.zeros((0, 4), np.float32)
        self._furthest: Boxes = self._anchors  # times OUTWARD: larger is further, on all sides
        self._frames = 0
        self._jitter = FIRST_JITTER

    def restart(self, boxes: Boxes) -> None:
        """New tracks begin at these boxes."""
        self._anchors, self._furthest, self._frames = boxes, boxes * OUTWARD, 1

    def extend(self, boxes: Boxes, partners: list[int], frames: int) -> None:
        """The faces are at `boxes` now, `frames` later; those before were at `boxes[partners]` in this order."""
        order = np.argsort(partners)  # ours in the order of the new frame
        self._anchors = self._anchors[order]
        self._furthest = np.maximum(self._furthest[order], boxes * OUTWARD)
        self._frames += frames
        left = len(boxes) and float(np.diag(overlaps(self._anchors, boxes)).min()) < ANCHOR_IOU
        if left or self._frames >= LONGEST_TRACK:
            self.restart(boxes)

    def learn(self, before: Boxes, middle: Boxes, after: Boxes) -> None:
        """Three frames in a row: how far the middle one is from the mean of its neighbours, where all show the same."""
        earlier, later = match(middle, before), match(middle, after)
        if earlier and later:  # neither None nor nobody
            side = np.max(middle[:, 2:] - middle[:, :2], axis=1, keepdims=True)
            deviation = np.abs(middle - (before[earlier] + after[later]) / 2) / side
            self._jitter = MEMORY * self._jitter + (1 - MEMORY) * float(deviation.mean())

    def covers(self, before: Boxes, after: Boxes) -> bool:
        """Whether no face can have gone beyond its reach on the way from `before` to `after`, (N, 4) in one order."""
        side = np.max(before[:, 2:] - before[:, :2], axis=1, keepdims=True, initial=0)
        furthest = np.maximum(before * OUTWARD, after * OUTWARD)
        margin = min(MOST_MARGIN, max(LEAST_MARGIN, JITTERS * self._jitter))
        return bool(np.all(furthest + margin * side + OVERSHOOT * np.abs(after - before) <= self._furthest))


def match(one: Boxes, other: Boxes, min_iou: float = SAME_FACE_IOU) -> list[int] | None:
    """For each box of `one` its box of `other`, best overlaps first; None where a box of either is left over."""
    if len(one) != len(other):
        return None
    shared = overlaps(one, other)
    partners = [-1] * len(one)
    for _ in range(len(one)):
        row, column = (int(place) for place in np.unravel_index(int(np.argmax(shared)), shared.shape))
        if shared[row, column] < min_iou:
            return None
        partners[row] = column
        shared[row], shared[:, column] = -1, -1
    return partners


def overlaps(one: Boxes, other: Boxes) -> NDArray[np.float32]:
    """Intersection over union of each box with each, (N, M)."""
    lower = np.maximum(one[:, None, :2], other[None, :, :2])
    upper = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.maximum(upper - lower, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (one, other)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(shared / np.maximum(union, 1e-6), np.float32)
