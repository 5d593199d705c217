"""`copy`: repeats the source frame. The floor that every table needs: what a score is worth with no motion at all."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reenactory.models.renderers.protocol import Driving, Need, RendererCard, Source


class CopyRenderer:
    """The source frame, T times."""

    needs: frozenset[Need] = frozenset()
    card = RendererCard(
        name="copy",
        version=1,
        paper="none: the baseline without motion",
        licence="Apache-2.0",
        motion="none",
        resolution=None,
    )

    def __init__(self, device: str, weights: Mapping[str, str]) -> None:
        pass

    def prepare(self, source: Source) -> NDArray[np.float32]:
        return np.ascontiguousarray(source.frame.transpose(2, 0, 1), np.float32) / np.float32(255)

    def animate(self, state: NDArray[np.float32], driving: Driving) -> NDArray[np.float32]:
        return np.broadcast_to(state, (driving.count, *state.shape))
