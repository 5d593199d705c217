"""The open model's head on shoulders and with a wig: the mesh that synthetic people have in common.

The model ends at the neck, has no hair and turns as one piece. Here its rim is drawn out into a chest, a second scalp
lies over the first (its height is a person's hair), and a curtain hangs around the back of the head for long hair.
Everything above the neck moves with the head, everything below with the body, the neck between in between.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reenactory.models.face_model.model import FaceModel
from reenactory.models.face_model.open_texture import TEXTURE_MODES
from reenactory.models.synthetic_faces.noise import Floats, smoothstep

Ints = NDArray[np.int64]

PIVOT = (0.0, -0.75, -0.75)
"""Where the head turns on the neck, in the model's axes and units."""

# Rings of the chest, from the rim of the model down: how much wider and deeper than the rim, how far below its lowest
# point, and how far to the front.
_CHEST = (
    (1.06, 1.1, 0.12, 0.05),
    (1.14, 1.2, 0.4, 0.15),
    (1.2, 1.3, 0.9, 0.25),
    (1.22, 1.35, 1.8, 0.3),
    (1.2, 1.4, 4, 0.3),
)
CURTAIN = (16, 49)  # rows and columns
_CURTAIN_TOP = 1.0
_RELAX = 4000  # sweeps of the harmonic weights over 341 vertices of the neck: they no longer change by 1e-4


@dataclass(frozen=True, eq=False)
class Bust:
    """What all people share. Vertices: those of the model (V), the wig (W), the chest (C), the curtain (H).

    Attributes:
        model: the open face model.
        triangles: (F, 3) int64 of all vertices.
        wig: (W,) int64 rows of the model's vertices that have hair above them.
        hairy: (W,) float64 in [0, 1], how much they do on the mean face.
        rim: (C1,) int64 rows of the model's rim in order around the neck.
        follows_head: (V + W + C,) float32 in [0, 1].
    """

    model: FaceModel
    triangles: Tensor
    wig: Ints
    hairy: Floats
    rim: Ints
    follows_head: Tensor

    @classmethod
    def of(cls, model: FaceModel) -> "Bust":
        """Args: model: the open one: with masks `head` and `neck`, and hair among its colours."""
        table = model.triangles.numpy()
        rim = _rim(table, model.masks["neck"].numpy())
        hairy = _hair_of(model)
        on_scalp = table[(hairy[table] > 0).any(axis=1) & model.masks["head"].numpy()[table].all(axis=1)]
        wig = np.unique(on_scalp)
        row = np.full(model.vertex_count, -1)
        row[wig] = model.vertex_count + np.arange(len(wig))
        first = model.vertex_count + len(wig)
        rings = np.concatenate([rim[None], first + np.arange(len(rim) * len(_CHEST)).reshape(len(_CHEST), -1)])
        hanging = first + len(rim) * len(_CHEST) + np.arange(CURTAIN[0] * CURTAIN[1]).reshape(CURTAIN)
        triangles = np.concatenate([table, row[on_scalp], _grid(rings, closed=True), _grid(hanging, closed=False)])
        head = _harmonic(table, model.masks["head"].numpy(), rim)
        follows = np.concatenate([head, head[wig], np.zeros(len(rim) * len(_CHEST))])
        return cls(model, torch.from_numpy(triangles), wig, hairy[wig], rim, torch.from_numpy(follows).float())

    def chest(self, neutral: Floats) -> Floats:
        """(C, 3) below the rim of a neutral face (V, 3)."""
        rim = neutral[self.rim]
        centre, lowest = rim.mean(axis=0), rim[:, 1].min()
        rings = []
        for wider, deeper, below, forward in _CHEST:
            level = min(1.0, below / 0.6)  # rings are level from so far down
            height = rim[:, 1] + level * (lowest - rim[:, 1]) - below
            x = centre[0] + wider * (rim[:, 0] - centre[0])
            z = centre[2] + deeper * (rim[:, 2] - centre[2]) + forward
            rings.append(np.stack([x, height, z], axis=1))
        return np.concatenate(rings)

    def curtain(self, neutral: Floats, lowest: float, reach_rad: float, width: float, wave: Floats) -> Floats:
        """(H, 3) long hair around the back of a neutral face (V, 3).

        Args:
            lowest: height of its ends.
            reach_rad: how far around the head it comes from behind.
            width: of the half circle, in widths of the skull.
            wave: (H,) how far each vertex stands out, units.
        """
        skull = neutral[self.wig[self.hairy > 0.5]]
        half, back = np.abs(skull[:, 0]).max(), skull[:, 2].min()
        rows, columns = CURTAIN
        turn = np.linspace(reach_rad, -reach_rad, columns)
        height = np.linspace(_CURTAIN_TOP, lowest, rows)
        middle = -0.62
        bulge = width + 0.12 * smoothstep(height, 0.9, -0.6)  # wider towards the shoulders
        bulge *= 1 - 0.35 * smoothstep(height, 0.45, _CURTAIN_TOP + 0.25)  # and under the wig at the top
        out = 1 + wave.reshape(rows, columns)
        x = half * bulge[:, None] * np.sin(turn) * out
        z = middle - (middle - back) * bulge[:, None] * np.cos(turn) * out
        return np.stack([x, np.broadcast_to(height[:, None], x.shape), z], axis=-1).reshape(-1, 3)


def curtain_follows(height: Floats) -> Floats:
    """(H,) how much hanging hair at a height moves with the head: less on the shoulders."""
    return 0.35 + 0.65 * smoothstep(height, -1.5, -0.5)


def _hair_of(model: FaceModel) -> Floats:
    """(V,) the hair region of the model's colours, soft at its edge."""
    assert model.texture is not None  # the open model has colours
    change = model.texture[list(TEXTURE_MODES).index("hair")].abs().amax(dim=1).double().numpy()
    return np.asarray(change / change.max())


def _rim(triangles: Ints, neck: NDArray[np.bool_]) -> Ints:
    """The vertices of the neck's open edge, in order around it."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    _, first, count = np.unique(np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True)
    open_edges = edges[first[count == 1]]
    following = {int(a): int(b) for a, b in open_edges[neck[open_edges].all(axis=1)]}
    ring = [min(following)]
    while following[ring[-1]] != ring[0]:
        ring.append(following[ring[-1]])
    return np.array(ring)  # the chest's triangles then face outwards, as the neck's do


def _harmonic(triangles: Ints, head: NDArray[np.bool_], rim: Ints) -> Floats:
    """(V,) 0 on the rim, and between it and the head the mean of the neighbours'; 1 everywhere else."""
    low = np.zeros(len(head), dtype=bool)
    low[rim] = True
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    reached = low.copy()  # only what hangs together with the rim: not teeth, not eyes
    while True:
        grown = reached.copy()
        for one, other in (edges.T, edges.T[::-1]):
            grown[other[reached[one] & ~head[other]]] = True
        if (grown == reached).all():
            break
        reached = grown
    free = reached & ~low
    weight = np.where(low, 0.0, 1.0)
    count = np.bincount(edges.ravel(), minlength=len(head)).clip(min=1)
    for _ in range(_RELAX):
        total = np.bincount(edges[:, 0], weight[edges[:, 1]], len(head))
        total += np.bincount(edges[:, 1], weight[edges[:, 0]], len(head))
        weight = np.where(free, total / count, weight)
    return weight


def _grid(rows: Ints, closed: bool) -> Ints:
    """Triangles between the rows (R, C) of a grid."""
    if closed:
        rows = np.concatenate([rows, rows[:, :1]], axis=1)
    a, b, c, d = rows[:-1, :-1], rows[:-1, 1:], rows[1:, :-1], rows[1:, 1:]
    return np.concatenate([np.stack([a, c, b], axis=-1).reshape(-1, 3), np.stack([b, c, d], axis=-1).reshape(-1, 3)])
