"""`blend`: the mean of the source and each driving frame. No method, but every part that one needs."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reenactory.models.renderers.protocol import Driving, Need, RendererCard, Source


class BlendRenderer:
    """Half source, half driver."""

    needs: frozenset[Need] = frozenset({"driving_frames"})
    card = RendererCard(
        name="blend",
        version=1,
        paper="none: an example",
        licence="Apache-2.0",
        motion="none",
        resolution=None,
    )

    def __init__(self, device: str, weights: Mapping[str, str]) -> None:
        pass

    def prepare(self, source: Source) -> NDArray[np.float32]:
        return _planes(source.frame)

    def animate(self, state: NDArray[np.float32], driving: Driving) -> NDArray[np.float32]:
        if driving.frames is None:
            raise ValueError("blend needs the driving frames")
        return np.stack([(state + _planes(frame)) / 2 for frame in driving.frames])


def _planes(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 to (3, H, W) float32 in [0, 1]."""
    return np.ascontiguousarray(frame.transpose(2, 0, 1), np.float32) / np.float32(255)
