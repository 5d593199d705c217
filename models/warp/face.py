"""The part of the open face model that the warp draws: the front of the face, eyeballs, teeth, tongue, mouth."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.sparse.linalg import splu
from torch import Tensor
from torch.nn.functional import normalize

from reenactory.models.face_mesh.topology import POINT_COUNT
from reenactory.models.face_model.model import FaceModel

_SKIN = ("face", "eye_sockets")
_MOUTH = ("mouth_cavity", "upper_teeth", "lower_teeth", "tongue")
_EYES = ("right_eye", "left_eye")
# How stiffly the skin holds on to a landmark, and how soon it forgets it, in weights of an edge of the mesh.
_HOLD, _FORGET = 10.0, 0.005
_MOUTH_RIM = 0.24  # Z of the mean face's inner lips
_SINKING, _DEEPEST = 4.0, 2.0  # by so much more than what lies behind it, and model units at most
_IRISES = (slice(468, 473), slice(473, 478))


@dataclass(frozen=True, eq=False)
class WarpFace:
    """N = V + 478 points of a linear model in its units: V vertices that are drawn, then the landmarker's points.

    Attributes:
        mean: (N, 3).
        identity: (80, N, 3).
        expression: (64, N, 3).
        triangles: (F, 3) int64 rows of V.
        spread: (N, 478), how a displacement of the landmarker's points moves everything else.
        skin, mouth, eyes: (V,) bool; the eyes are two equal blocks of rows, right and left.
        mirror: (V,) int64, the vertex on the other side.
        albedo: (V, 3) RGB in [0, 1].
        edges: (E, 2) int64, every edge once.
        normals: (N, 3) of the mean face.
        sunk: (V,) model units by which the inside of the mouth is drawn farther away than it is.
    """

    mean: Tensor
    identity: Tensor
    expression: Tensor
    triangles: Tensor
    spread: Tensor
    skin: Tensor
    mouth: Tensor
    eyes: Tensor
    mirror: Tensor
    albedo: Tensor
    edges: Tensor
    normals: Tensor
    sunk: Tensor

    @property
    def drawn(self) -> int:
        """V."""
        return len(self.skin)

    @classmethod
    def of(cls, model: FaceModel) -> "WarpFace":
        """From a model with colours and the landmarker's points.

        Raises:
            ValueError: it lacks one of them.
        """
        if model.mean_texture is None:
            raise ValueError(f"the face model {model.name} has no colours")
        masks = [torch.stack([model.masks[name] for name in names]).any(dim=0) for names in (_SKIN, _MOUTH, _EYES)]
        masks[0] = _grown(masks[0], model.triangles) & (masks[0] | model.masks["head"])
        kept = torch.stack(masks).any(dim=0)
        row = kept.cumsum(dim=0) - 1
        triangles = row[model.triangles[kept[model.triangles].all(dim=1)]]
        modes = (model.mean[None], model.identity, model.expression)
        mean, identity, expression = (torch.cat([mode[:, kept], model.points_478(mode)], dim=1) for mode in modes)
        edges = _edges(triangles)
        skin, mouth, eyes = (mask[kept] for mask in masks)
        spread = _spread(model, kept, row, edges, eyes)
        mirror, albedo = _mirror(model.mean[kept]), model.mean_texture[kept]
        outward = model.normals(model.mean[None])
        normals = torch.cat([outward[:, kept], normalize(model.points_478(outward), dim=-1)], dim=1)[0]
        # It must be seen through the lips alone, not beside a cheek whose back is not drawn. Its rim stays at the lips.
        sunk = (_SINKING * (_MOUTH_RIM - model.mean[kept, 2])).clamp(0, _DEEPEST) * mouth
        return cls(
            *(mean[0], identity, expression, triangles, spread),
            *(skin & ~mouth, mouth, eyes, mirror, albedo, edges, normals, sunk),
        )

    def to(self, device: torch.device | str) -> "WarpFace":
        """The same on another device."""
        return WarpFace(**{name: value.to(device) for name, value in vars(self).items()})

    def shape(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(T, N, 3) of one person (80,) with T expressions (T, 64)."""
        still = self.mean + torch.einsum("k,knc->nc", identity, self.identity)
        moved = expression @ self.expression.flatten(1)
        return still + moved.view(len(expression), *still.shape)


def laplacian(edges: Tensor, count: int) -> csr_array:
    """(count, count) of the graph with edges (E, 2), every edge of weight 1."""
    first, second = edges.cpu().numpy().T
    ones = np.ones(2 * len(first))
    adjacency = csr_array((ones, (np.r_[first, second], np.r_[second, first])), shape=(count, count))
    return csr_array(diags_array(adjacency.sum(axis=1)) - adjacency)


def _grown(mask: Tensor, triangles: Tensor) -> Tensor:
    """(V,) with the neighbours: the face must reach beyond its oval, from where on rings surround it."""
    wider = mask.clone()
    wider[triangles[mask[triangles].any(dim=1)].flatten()] = True
    return wider


def _edges(triangles: Tensor) -> Tensor:
    pairs = torch.cat([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges: Tensor = torch.unique(pairs.sort(dim=1).values, dim=0)
    return edges


def _spread(model: FaceModel, kept: Tensor, row: Tensor, edges: Tensor, eyes: Tensor) -> Tensor:
    """(V + 478, 478): smooth over the mesh, so that what one lip does is no business of the other's."""
    assert model.point_triangles is not None and model.point_weights is not None  # points_478 has been called
    count, corners = int(kept.sum()), model.triangles[model.point_triangles]
    seen = kept[corners].all(dim=1)
    where = (np.repeat(np.arange(POINT_COUNT), 3)[seen.repeat_interleave(3)], row[corners[seen]].flatten().numpy())
    at = csr_array((model.point_weights[seen].flatten().numpy(), where), shape=(POINT_COUNT, count))
    system = laplacian(edges, count) + _HOLD * at.T @ at + _FORGET * eye_array(count)
    spread = splu(system.tocsc()).solve(_HOLD * at.T.toarray())
    spread[eyes.numpy()] = 0  # eyeballs are stiff
    for block, iris in zip(np.split(np.flatnonzero(eyes.numpy()), 2), _IRISES, strict=True):
        spread[block, iris] = 1 / 5
    return torch.from_numpy(np.concatenate([spread, np.eye(POINT_COUNT)])).float()


def _mirror(vertices: Tensor) -> Tensor:
    flipped = vertices * vertices.new_tensor([-1, 1, 1])
    return torch.cdist(flipped, vertices).argmin(dim=1)
