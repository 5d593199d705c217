"""The head that is cut out of MakeHuman's base mesh: skin, mouth, teeth, tongue, and eyeballs of our own.

A field on the base mesh (positions or displacements) becomes a field on the head by one fixed linear map in integers:
a selection of vertices, and for the eyeballs the affine map that the 72 vertices of MakeHuman's coarse ball undergo.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.makehuman import POSITION_STEP, BaseMesh

NECK_CUT_DM = 5.6
"""Height of the cut in the base mesh: the chin is at 6.2 and at 5.8 with the jaw wide open."""

EYEBALL_RADIUS_DM = 0.1495  # of MakeHuman's own ball
IRIS_RADIUS_DM = 0.0585  # half of 11.7 mm, the horizontal iris diameter that varies least among people
PUPIL_RADIUS_DM = 0.02
WEIGHT_BITS = 20
"""Eyeball weights are integers in units of 2^-20."""

_SEGMENTS = 24
_LIMBUS = np.arcsin(IRIS_RADIUS_DM / EYEBALL_RADIUS_DM)
_PUPIL = np.arcsin(PUPIL_RADIUS_DM / EYEBALL_RADIUS_DM)
# Angles from the axis of the gaze: twice close together at the rims, so that colours end sharply there. What lies
# behind 110 degrees is never seen.
_RINGS = (
    *(_PUPIL * 0.9, _PUPIL * 1.1, (_PUPIL + _LIMBUS) / 2, _LIMBUS * 0.94, _LIMBUS * 1.06),
    *np.radians((32.0, 42.0, 54.0, 68.0, 84.0, 110.0)),
)
_BALL_COUNT = 2 + _SEGMENTS * len(_RINGS)
_IRIS_RINGS = 4  # the rings inside of the limbus
_PUPIL_RINGS = 1
_EYES = {"right": "helper-r-eye", "left": "helper-l-eye"}
_PARTS = {"upper_teeth": "helper-upper-teeth", "lower_teeth": "helper-lower-teeth", "tongue": "helper-tongue"}


class HeadMesh(NamedTuple):
    """The head as a map from the base mesh.

    Attributes:
        vertices: (V0,) int64, the vertices of the base mesh that are taken as they are.
        balls: for each eye (right, left) the ids in the base mesh of MakeHuman's ball, (72,), and the weights of the
            new ball's vertices over them, (E, 72) int64 in units of 2^-20. They follow the `vertices`.
        triangles: (F, 3) int64 rows of V = V0 + 2 E, wound so that the normal points out.
        parts: by name, (V,) bool: head (skin above the neck), neck, mouth_cavity, eye_sockets, upper_teeth,
            lower_teeth, tongue, right_eye, left_eye, iris, pupil.
        iris_points: (2, 5) int64: of the right and left eye the centre of the iris and its rim to the picture's
            right, up, left and down.
    """

    vertices: NDArray[np.int64]
    balls: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    triangles: NDArray[np.int64]
    parts: dict[str, NDArray[np.bool_]]
    iris_points: NDArray[np.int64]

    def take(self, field: NDArray[np.int64]) -> NDArray[np.int64]:
        """A field (N, C) on the base mesh as a field (V, C) on the head, in units 2^20 times smaller."""
        balls = [np.einsum("ev,vc->ec", weights, field[ids]) for ids, weights in self.balls]  # integers: exact
        return np.concatenate([field[self.vertices] << WEIGHT_BITS, *balls])


def cut_head(mesh: BaseMesh) -> HeadMesh:
    """Cuts the head out of the base mesh and puts finer eyeballs in."""
    skin = mesh.quads["body"]
    above = (mesh.positions[skin, 1] * POSITION_STEP > NECK_CUT_DM).all(axis=1)
    skin, island = skin[above], mesh.islands["body"][above]
    quads = {"head": skin, **{name: mesh.quads[part] for name, part in _PARTS.items()}}
    vertices = np.unique(np.concatenate([table.ravel() for table in quads.values()]))
    row = np.full(len(mesh.positions), -1)
    row[vertices] = np.arange(len(vertices))
    starts = len(vertices) + _BALL_COUNT * np.arange(len(_EYES))
    ball_ids = [np.unique(mesh.quads[part]) for part in _EYES.values()]
    triangles = [_triangulate(row[table]) for table in quads.values()]
    triangles += [_ball_triangles() + start for start in starts]
    members = {name: row[table] for name, table in quads.items()}
    members |= {name: row[ids] for name, ids in _skin_parts(mesh, skin, island).items()}
    for name, start in zip(_EYES, starts, strict=True):
        members[f"{name}_eye"] = start + np.arange(_BALL_COUNT)
    for name, rings in (("iris", _IRIS_RINGS), ("pupil", _PUPIL_RINGS)):
        members[name] = starts[:, None] + np.arange(1 + rings * _SEGMENTS)
    rim = 1 + (_IRIS_RINGS - 1) * _SEGMENTS + np.arange(4) * _SEGMENTS // 4
    return HeadMesh(
        vertices,
        [(ids, ball_weights(mesh.positions[ids] * POSITION_STEP)) for ids in ball_ids],
        np.concatenate(triangles),
        {name: _mask(ids, starts[-1] + _BALL_COUNT) for name, ids in members.items()},
        starts[:, None] + np.concatenate([[0], rim]),
    )


def _skin_parts(mesh: BaseMesh, skin: NDArray[np.int64], island: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Vertices of the pieces that the texture map cuts the skin into, told apart by where they are."""
    named: dict[str, list[NDArray[np.int64]]] = {"head": [], "neck": [], "mouth_cavity": [], "eye_sockets": []}
    for label in np.unique(island):
        ids = np.unique(skin[island == label])
        x, y, _ = mesh.positions[ids].T * POSITION_STEP
        if np.ptp(x) < 0.4:
            named["eye_sockets"].append(ids)
        elif y.max() > 8:
            named["head"].append(ids)
        else:
            named["mouth_cavity" if np.ptp(x) < 1 else "neck"].append(ids)
    return {name: np.concatenate(ids) for name, ids in named.items()}


def _triangulate(quads: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _mask(ids: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=np.bool_)
    mask[ids] = True
    return mask


def ball_weights(coarse: NDArray[np.floating]) -> NDArray[np.int64]:
    """(E, 72) weights that give the new ball from the coarse one (72, 3), and follow any affine motion of it."""
    centre = coarse.mean(axis=0)
    around = np.arange(_SEGMENTS) * 2 * np.pi / _SEGMENTS
    rings = [(np.sin(a) * np.cos(around), np.sin(a) * np.sin(around), np.full(_SEGMENTS, np.cos(a))) for a in _RINGS]
    directions = np.concatenate([np.array([[0.0, 0.0, 1.0]]), *(np.stack(ring, axis=-1) for ring in rings)])
    back = directions[-_SEGMENTS:].mean(axis=0)  # closes the ball behind the last ring
    wanted = centre + EYEBALL_RADIUS_DM * np.concatenate([directions, back[None]])
    offsets = coarse - centre
    weights = (wanted - centre) @ np.linalg.inv(offsets.T @ offsets) @ offsets.T + 1 / len(coarse)
    whole: NDArray[np.int64] = np.rint(weights * (1 << WEIGHT_BITS)).astype(np.int64)
    return whole


def _ball_triangles() -> NDArray[np.int64]:
    """Triangles of one ball: a pole, rings of `_SEGMENTS` vertices counter-clockwise from +X, the closing vertex."""
    step = np.arange(_SEGMENTS)
    following = (step + 1) % _SEGMENTS
    table = [np.stack([np.zeros_like(step), 1 + step, 1 + following], axis=-1)]
    for ring in range(len(_RINGS) - 1):
        inner, outer = 1 + ring * _SEGMENTS, 1 + (ring + 1) * _SEGMENTS
        quads = np.stack([inner + step, outer + step, outer + following, inner + following], axis=-1)
        table.append(_triangulate(quads))
    last = 1 + (len(_RINGS) - 1) * _SEGMENTS
    table.append(np.stack([last + step, np.full_like(step, last + _SEGMENTS), last + following], axis=-1))
    return np.concatenate(table)
