"""A pair as a small film inside the page: the driver and its renders side by side, in step."""

from base64 import b64encode
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reenactory.infra.video import write_video
from reenactory.tasks.report.tiles import Frames, resized

SIDE_PX = 128
MOST_TILES = 6
MOST_FRAMES = 50
MOST_BYTES = 3_000_000  # of all films of a page, before base64
CRF = 30


class Film(NamedTuple):
    """An mp4 as a data address, and what its tiles are, from left to right."""

    uri: str
    labels: list[str]
    width: int
    height: int
    frames: int


class Films:
    """Makes films until the page has enough of them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "film.mp4"
        self._left = MOST_BYTES

    def make(self, tiles: Iterable[tuple[str, Frames | None]], rate: Fraction) -> Film | None:
        """Tiles that there are, the first of which is the driver. frames: (T, H, W, 3) uint8 RGB, T alike."""
        known = [(label, frames) for label, frames in tiles if frames is not None and len(frames)][:MOST_TILES]
        if len(known) < 2 or self._left <= 0:
            return None
        picture = np.concatenate([resized(frames, SIDE_PX) for _, frames in known], axis=2)
        write_video(self._path, picture, rate, "h264", crf=CRF)
        content = self._path.read_bytes()
        self._left -= len(content)
        uri = "data:video/mp4;base64," + b64encode(content).decode()
        return Film(uri, [label for label, _ in known], picture.shape[2], picture.shape[1], len(picture))
