"""Vertex normals, by a table of which triangles meet at which vertex."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class VertexNormals:
    """What the normals of one topology need, found once.

    Vertices are taken in the order of how many triangles meet at them, most first, so the n-th triangles of all that
    have so many are one gather. Scattering triangles to vertices (`index_add_`) takes 4 times as long, and on CUDA adds
    in any order.

    Attributes:
        triangles: (F, 3) int64.
        rounds: the n-th holds the n-th triangle of the vertices that have one, (V_n,) int64.
        place: (V,) int64, where a vertex stands in that order.
    """

    triangles: Tensor
    rounds: tuple[Tensor, ...]
    place: Tensor

    @classmethod
    @torch.inference_mode(
        mode=False
    )  # else a table first needed while fitting could not be differentiated through later
    def of(cls, triangles: Tensor, vertex_count: int) -> "VertexNormals":
        """Of triangles (F, 3) int64, rows of the vertices."""
        corners = triangles.T.flatten()  # all first corners, then all second ones
        met = torch.bincount(corners, minlength=vertex_count)  # (V,)
        by_vertex = torch.argsort(corners, stable=True) % len(triangles)
        first = met.cumsum(dim=0) - met
        order = torch.argsort(met, descending=True, stable=True)
        rounds = tuple(
            by_vertex[first[order[: int((met > index).sum())]] + index] for index in range(int(met.max()))
        )  # fmt: skip
        return cls(triangles, rounds, torch.argsort(order))

    def __call__(self, vertices: Tensor) -> Tensor:
        """The normalised normals of a vertex's triangles, summed and normalised again.

        Args:
            vertices: (B, V, 3).

        Returns:
            (B, V, 3) unit normals, pointing out; zero where a vertex has no triangle of any area.
        """
        rows = vertices.transpose(0, 1).contiguous()  # (V, B, 3): a gather then copies whole rows
        first, second, third = (rows.index_select(0, corner) for corner in self.triangles.T)  # (F, B, 3) each
        flat = torch.nn.functional.normalize(torch.linalg.cross(first - second, second - third), dim=-1)
        total = torch.zeros_like(rows)
        for triangle in self.rounds:
            total[: len(triangle)] += flat.index_select(0, triangle)
        unit = torch.nn.functional.normalize(total, dim=-1)
        return unit.index_select(0, self.place).transpose(0, 1).contiguous()


def vertex_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """(B, V, 3) normals of (B, V, 3) with triangles (F, 3), once: a `FaceModel` keeps the table."""
    return VertexNormals.of(triangles, vertices.shape[1])(vertices)
