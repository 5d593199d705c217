"""The face landmarker's 478 points as a linear model: the only rows of the face model that a fit of points touches."""

from dataclasses import dataclass

import torch
from torch import Tensor

from reenactory.models.face_mesh.topology import SCORE_COUNT
from reenactory.models.face_model.model import FaceModel

UNITS = slice(1, SCORE_COUNT)  # score 0 (`_neutral`) moves nothing; later components have no score
UNIT_COUNT = SCORE_COUNT - 1


@dataclass(frozen=True, eq=False)
class PointModel:
    """N = 478 points in model units.

    Attributes:
        mean: (N, 3).
        identity: (80, N, 3).
        units: (51, N, 3), the landmarker's units without `_neutral`.
        normals: (N, 3), of the mean face.
    """

    mean: Tensor
    identity: Tensor
    units: Tensor
    normals: Tensor

    @classmethod
    def of(cls, model: FaceModel, dtype: torch.dtype = torch.float32) -> "PointModel":
        """The points of a model that knows where they are.

        Raises:
            ValueError: it does not.
        """
        normals = torch.nn.functional.normalize(model.points_478(model.normals(model.mean[None]))[0], dim=-1)
        rows = (
            model.points_478(model.mean[None])[0],
            model.points_478(model.identity),
            model.points_478(model.expression[UNITS]),
            normals,
        )
        return cls(*(values.to(dtype) for values in rows))

    def shape(self, identity: Tensor, units: Tensor) -> Tensor:
        """(T, N, 3) of identity (80,) of all, and units (T, 51)."""
        neutral = self.mean + torch.einsum("k,kni->ni", identity, self.identity)
        return neutral + (units @ self.units.flatten(1)).view(len(units), -1, 3)
