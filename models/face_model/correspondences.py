"""Where the landmarker's 478 points lie on the open model, and the similarity that follows from them.

They were found once by find_correspondences.py and are kept in `correspondences_478.npz`, because the landmarker's last
digits differ between machines.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.similarity import Similarity

Floats = NDArray[np.float64]
FILE = Path(__file__).with_name("correspondences_478.npz")
_WEIGHT_STEPS = 2.0**14


class Correspondences(NamedTuple):
    """What is kept.

    Attributes:
        triangles: (478,) int64 rows of the head mesh's triangles.
        weights: (478, 3) float64 barycentrics, multiples of 2^-14.
        similarity: of MakeHuman's decimetres to model units.
    """

    triangles: NDArray[np.int64]
    weights: Floats
    similarity: Similarity

    def points(self, vertices: Floats, triangles: NDArray[np.int64]) -> Floats:
        """(478, 3) of vertices (V, 3)."""
        total: Floats = (vertices[triangles[self.triangles]] * self.weights[..., None]).sum(axis=1)
        return total


def read_correspondences() -> Correspondences:
    """What is kept beside this file."""
    with np.load(FILE, allow_pickle=False) as data:
        scale, sine, cosine = data["turn"].tolist()
        return Correspondences(
            data["triangles"].astype(np.int64),
            data["weights"] / _WEIGHT_STEPS,
            Similarity(data["origin"], scale, sine, cosine),
        )


def write_correspondences(found: Correspondences) -> None:
    """Replaces what is kept."""
    similarity = found.similarity
    np.savez_compressed(
        FILE,
        triangles=found.triangles.astype(np.int32),
        weights=np.rint(found.weights * _WEIGHT_STEPS).astype(np.int16),
        origin=similarity.origin,
        turn=np.array([similarity.scale, similarity.sine, similarity.cosine]),
    )


def rounded(weights: Floats) -> Floats:
    """Barycentrics (N, 3) in the steps that are kept, still with the sum 1."""
    fine = np.rint(weights * _WEIGHT_STEPS)
    fine[:, 0] += _WEIGHT_STEPS - fine.sum(axis=1)
    steps: Floats = fine / _WEIGHT_STEPS
    return steps
