"""The similarity that takes MakeHuman's decimetres to the model units of Deep3DFaceRecon."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_mesh.pose import STANDARD_POINTS, five_points
from reenactory.models.face_mesh.topology import LANDMARKS_68

Floats = NDArray[np.float64]


class Similarity(NamedTuple):
    """From MakeHuman's decimetres to model units: subtract the origin, rotate about X by `pitch`, multiply by `scale`.

    Attributes:
        origin: (3,) float64 in decimetres.
        scale: model units to a decimetre.
        sine, cosine: of the pitch (positive turns the face down).
    """

    origin: NDArray[np.float64]
    scale: float
    sine: float
    cosine: float

    def turn(self, field: NDArray[np.float64]) -> NDArray[np.float64]:
        """Displacements (..., 3) in decimetres to model units."""
        x, y, z = np.moveaxis(field, -1, 0)
        return self.scale * np.stack([x, self.cosine * y - self.sine * z, self.sine * y + self.cosine * z], axis=-1)

    def place(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (..., 3) in decimetres to model units."""
        return self.turn(positions - self.origin)


def fit_similarity(points: Floats) -> Similarity:
    """The similarity of the symmetric face's five points (478 in decimetres) to Deep3DFaceRecon's standard points."""
    ours = five_points(points[LANDMARKS_68])
    ours, standard = (_symmetric_five(five) for five in (ours, STANDARD_POINTS))
    centre, goal = ours.mean(axis=0), standard.mean(axis=0)
    (_, y, z), (_, v, w) = (ours - centre).T, (standard - goal).T
    angle = np.arctan2((y * w - z * v).sum(), (y * v + z * w).sum())
    sine, cosine = float(np.round(np.sin(angle), 9)), float(np.round(np.cos(angle), 9))
    turned = Similarity(centre, 1.0, sine, cosine).place(ours)
    scale = float(np.round((turned * (standard - goal)).sum() / (turned**2).sum(), 9))
    back = Similarity(np.zeros(3), 1 / scale, -sine, cosine).turn(goal)
    return Similarity(np.round(centre - back, 9), scale, sine, cosine)


def _symmetric_five(five: Floats) -> Floats:
    both: Floats = (five + five[[1, 0, 2, 4, 3]] * np.array([-1, 1, 1])) / 2
    return both
