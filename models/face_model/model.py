"""A 3D morphable face model as tensors, with the coefficients and axes of Deep3DFaceRecon."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from reenactory.models.face_mesh.topology import LANDMARKS_68
from reenactory.models.face_model.normals import VertexNormals

IDENTITY_COUNT = 80
EXPRESSION_COUNT = 64
TEXTURE_COUNT = 80


@dataclass(frozen=True, eq=False)
class FaceModel:
    """Mean face, bases, topology.

    X to the right of the picture (the subject's left), Y up, Z to the camera; one unit is about a decimetre. The
    camera of Deep3DFaceRecon (focal length 1015, distance 10) and its alignment serve every model.

    Attributes:
        name: `open` or `bfm09`.
        mean: (V, 3) float32, the neutral mean face.
        identity: (80, V, 3) float32. Coefficients have standard deviation 1, so the sum of their squares is the
            prior of a fit. Modes that a model lacks are zero.
        expression: (64, V, 3) float32, likewise padded with zeros.
        triangles: (F, 3) int64 rows of V, counter-clockwise as seen from outside.
        landmarks_68: (68,) int64 rows of V.
        identity_variance: (80,) float32, mean squared displacement of the vertices of the `face` mask by one standard
            deviation of each mode, in units squared; 0 for modes that the model lacks.
        masks: by name, (V,) bool. `face` (the front) and `skin` are always there.
        mean_texture: (V, 3) float32 RGB albedo in [0, 1], None where the model has no colours.
        texture: (80, V, 3) float32, likewise; coefficients have standard deviation 1.
        expression_names: (64,) names, `""` where the component has none. For the open model component i is score i
            of the face landmarker.
        point_triangles, point_weights: (478,) int64 rows of the triangles and (478, 3) float32 barycentrics of the
            face landmarker's points; None where they are not known.
    """

    name: str
    mean: Tensor
    identity: Tensor
    expression: Tensor
    triangles: Tensor
    landmarks_68: Tensor
    identity_variance: Tensor
    masks: dict[str, Tensor]
    mean_texture: Tensor | None = None
    texture: Tensor | None = None
    expression_names: tuple[str, ...] = ("",) * EXPRESSION_COUNT
    point_triangles: Tensor | None = None
    point_weights: Tensor | None = None

    @property
    def vertex_count(self) -> int:
        """V."""
        return int(self.mean.shape[0])

    @cached_property
    def _normals(self) -> VertexNormals:
        return VertexNormals.of(self.triangles, self.vertex_count)

    def to(self, device: torch.device | str) -> "FaceModel":
        """The model on another device."""
        mine = {field.name: getattr(self, field.name) for field in fields(self)}
        moved = {name: value.to(device) for name, value in mine.items() if isinstance(value, Tensor)}
        masks = {name: mask.to(device) for name, mask in self.masks.items()}
        return replace(self, masks=masks, **moved)  # type: ignore[arg-type]  # all of `moved` are tensors

    def shape(self, identity: Tensor, expression: Tensor) -> Tensor:
        """Vertices of faces (methods of Deep3DFaceRecon: mean + identity basis + expression basis).

        Args:
            identity: (B, 80).
            expression: (B, 64).

        Returns:
            (B, V, 3) before rotation and translation.
        """
        _expect("identity", identity, IDENTITY_COUNT)
        _expect("expression", expression, EXPRESSION_COUNT)
        if len(identity) != len(expression):
            raise ValueError(f"{len(identity)} rows of identity, {len(expression)} of expression")
        moved = identity @ self.identity.flatten(1) + expression @ self.expression.flatten(1)  # (B, 3 V)
        return self.mean + moved.view(-1, self.vertex_count, 3)

    def albedo(self, texture: Tensor) -> Tensor:
        """Colours of faces.

        Args:
            texture: (B, 80).

        Returns:
            (B, V, 3) RGB, 0 to 1 for usual coefficients; it is not cut there.
        """
        if self.mean_texture is None or self.texture is None:
            raise ValueError(f"the face model {self.name} has no colours")
        _expect("texture", texture, TEXTURE_COUNT)
        return self.mean_texture + (texture @ self.texture.flatten(1)).view(-1, self.vertex_count, 3)

    def normals(self, vertices: Tensor) -> Tensor:
        """Unit normals: the normalised normals of a vertex's triangles, summed and normalised again.

        Args:
            vertices: (B, V, 3).

        Returns:
            (B, V, 3), pointing out; zero where a vertex has no triangle of any area.
        """
        return self._normals(vertices)

    def points_478(self, vertices: Tensor) -> Tensor:
        """The face landmarker's points on given faces.

        Args:
            vertices: (B, V, 3).

        Returns:
            (B, 478, 3): 0 to 467 on the skin, then the right and left iris (see face_mesh.topology).
        """
        if self.point_triangles is None or self.point_weights is None:
            raise ValueError(f"the face model {self.name} has no correspondence to the 478 points")
        corners = vertices[:, self.triangles[self.point_triangles]]  # (B, 478, 3, 3)
        return (corners * self.point_weights[None, :, :, None]).sum(dim=2)

    def points_68(self, vertices: Tensor) -> Tensor:
        """(B, 68, 3), the 68 landmarks on given faces (B, V, 3).

        They are those among the 478 points where the model knows these (the nearest vertices, `landmarks_68`, are up
        to 3 % of the eye distance away), else the vertices.
        """
        if self.point_triangles is None:
            return vertices[:, self.landmarks_68]
        return self.points_478(vertices)[:, torch.from_numpy(LANDMARKS_68).to(vertices.device)]


def mode_variance(modes: Tensor, mask: Tensor) -> Tensor:
    """(M,) mean squared displacement by each of (M, V, 3) modes of the vertices in a mask (V,)."""
    return modes[:, mask].square().sum(dim=-1).mean(dim=-1)


def _expect(what: str, coefficients: Tensor, count: int) -> None:
    if coefficients.ndim != 2 or coefficients.shape[1] != count:
        raise ValueError(f"{what}: expected (B, {count}), got {tuple(coefficients.shape)}")
