"""Faces of every frame from detections of some: between two frames that agree, boxes are interpolated."""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.tasks.tracking.reach import Reach, match

Frame = NDArray[np.uint8]  # (H, W, 3) BGR


class Seen(NamedTuple):
    """Faces of one frame, in its pixels; `interpolated` ones were not looked for in this frame."""

    boxes: NDArray[np.float32]  # (N, 4) left, top, right, bottom
    points: NDArray[np.float32]  # (N, 5, 2)
    scores: NDArray[np.float32]  # (N,)
    interpolated: bool = False


class Found(NamedTuple):
    """A frame, whether a new shot starts with it, and its faces."""

    frame: Frame
    cut: bool
    seen: Seen


class SparseSearch:
    """Searches every `stride`-th frame, and more where that is not enough. One instance per video."""

    def __init__(self, search: Callable[[Frame], Seen], is_cut: Callable[[Frame], bool], stride: int) -> None:
        self._search, self._is_cut, self._stride = search, is_cut, stride
        self._reach = Reach()
        self.searched = 0

    def faces(self, frames: Iterable[Frame]) -> Iterator[Found]:
        """The faces of each frame, in order; at most `stride` frames are held.

        The frame in the middle of two searched ones is searched too, and so on down to every frame, where the two do
        not show the same faces, where a shot ends between them, or where a face could have gone further between them
        than it was ever seen: such frames decide the crop box.
        """
        block: list[tuple[Frame, bool]] = []
        last: Seen | None = None
        for frame in frames:
            block.append((frame, self._is_cut(frame)))
            if last is None or len(block) == self._stride:
                last = yield from self._finish(block, last)
                block = []
        if block:
            yield from self._finish(block, last)

    def _finish(self, block: list[tuple[Frame, bool]], before: Seen | None) -> Generator[Found, None, Seen]:
        """Faces of the frames that follow a searched one. Returns those of the last frame, which is searched."""
        last = len(block) - 1
        seen = {last: self._look(block[last][0])}
        if before is None:
            self._reach.restart(seen[last].boxes)
        else:
            seen[-1] = before
            self._fill(-1, last, block, seen)
        for index, (frame, cut) in enumerate(block):
            yield Found(frame, cut, seen[index])
        return seen[last]

    def _fill(self, first: int, last: int, block: list[tuple[Frame, bool]], seen: dict[int, Seen]) -> None:
        cut = any(starts for _, starts in block[first + 1 : last + 1])
        partners = None if cut else match(seen[first].boxes, seen[last].boxes)
        if last - first > 1 and (
            partners is None or not self._reach.covers(seen[first].boxes, seen[last].boxes[partners])
        ):
            middle = (first + last) // 2
            seen[middle] = self._look(block[middle][0])
            self._fill(first, middle, block, seen)
            self._fill(middle, last, block, seen)
            if last - first == 2:
                self._reach.learn(seen[first].boxes, seen[middle].boxes, seen[last].boxes)
            return
        if partners is None:
            self._reach.restart(seen[last].boxes)
            return
        self._reach.extend(seen[last].boxes, partners, last - first)
        for index in range(first + 1, last):
            seen[index] = between(seen[first], seen[last], partners, (index - first) / (last - first))

    def _look(self, frame: Frame) -> Seen:
        self.searched += 1
        return self._search(frame)


def between(one: Seen, other: Seen, partners: list[int], share: float) -> Seen:
    """The faces of `one`, moved by `share` of the way to their partners in `other`."""
    weight = np.float32(share)
    boxes, points, scores = ((1 - weight) * a + weight * b[partners] for a, b in zip(one[:3], other[:3], strict=True))
    return Seen(boxes, points, scores, interpolated=True)
