"""Frames sorted by how hard they are. Fixed edges, so that a bin means the same in every run."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Binning(NamedTuple):
    """A condition of `score`'s conditions table and where its bins begin, the first at 0."""

    by: str
    edges: tuple[int, ...]
    unit: str

    @property
    def labels(self) -> list[str]:
        starts = (0, *self.edges)
        ranges = [f"{low}-{high}" for low, high in zip(starts, self.edges, strict=False)]
        return [f"{label} {self.unit}" for label in (*ranges, f"{starts[-1]}+")]

    def places(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """(N,) number of each value's bin; -1 where the condition is not known."""
        return np.where(np.isnan(values), -1, np.digitize(values, self.edges))


# Degrees between the head poses of source and driver (multi-guidance bins by it, with edges that it does not state),
# the driver's yaw to either side, and the driver's landmarks from frame to frame: seven talking clips have means of
# 0.6 to 3.5 % of the eye distance, a still face under noise 0.26 %.
BINNINGS = (
    Binning("pose_gap", (10, 20, 30, 45), "deg"),
    Binning("yaw", (15, 30, 45), "deg"),
    Binning("motion", (1, 2, 4), "% of eye distance"),
)
