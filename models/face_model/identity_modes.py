"""Identity modes of the open model as weights of MakeHuman's targets: principal components of random people.

The components are computed once and kept in `identity_modes.npz` as integers, because eigenvectors differ in their
last digits from one linear algebra library to the next. To compute them again:

    python -m reenactory.models.face_model.identity_modes ARCHIVE
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.head_mesh import WEIGHT_BITS, HeadMesh, cut_head
from reenactory.models.face_model.identity_targets import draw_people, target_names
from reenactory.models.face_model.makehuman import (
    POSITION_STEP,
    POSITIONS_PER_DISPLACEMENT,
    BaseMesh,
    MakeHumanAssets,
)
from reenactory.models.face_model.model import IDENTITY_COUNT

FILE = Path(__file__).with_name("identity_modes.npz")
COEFFICIENT_BITS = 13
"""Weights are integers in units of 2^-13."""

PEOPLE, SEED = 20_000, 4
_PIVOT = np.array([0, 71_000, 10_000])  # in position steps, between the eyes and the mouth
_BACK_WEIGHT = 0.05  # of vertices off the front of the face, in the principal components


class IdentityModes(NamedTuple):
    """Weights over the K targets, then over the 7 similarities of `similarities`.

    Attributes:
        targets: (K,) names.
        mean: (K + 7,) int64 in units of 2^-13: the mean person.
        modes: (80, K + 7) int64: one standard deviation of each mode, largest first.
        kept: share of the variance of the face that the modes keep.
    """

    targets: list[str]
    mean: NDArray[np.int64]
    modes: NDArray[np.int64]
    kept: float


def read_identity_modes() -> IdentityModes:
    """The modes that are kept beside this file."""
    with np.load(FILE, allow_pickle=False) as data:
        return IdentityModes(
            [str(name) for name in data["targets"]],
            data["mean"].astype(np.int64),
            data["modes"].astype(np.int64),
            float(data["kept"]),
        )


def similarities(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """(7, N, 3): displacements of (N, 3) by one step of translation, rotation and growth, each about the pivot."""
    x, y, z = (positions - _PIVOT).T
    zero, one = np.zeros_like(x), np.full_like(x, round(1 / POSITION_STEP))
    rows = [(one, zero, zero), (zero, one, zero), (zero, zero, one), (zero, -z, y), (z, zero, -x), (-y, x, zero)]
    return np.stack([np.stack(row, axis=-1) for row in [*rows, (x, y, z)]])


def fields(assets: MakeHumanAssets, mesh: BaseMesh, head: HeadMesh, targets: list[str]) -> NDArray[np.int64]:
    """(K + 7, V, 3) displacements that the weights multiply, in position steps times 2^-20."""
    count = len(mesh.positions)
    moved = [POSITIONS_PER_DISPLACEMENT * assets.identity_target(name, count) for name in targets]
    return np.stack([head.take(field) for field in [*moved, *similarities(mesh.positions)]])


def front_of_face(mesh: BaseMesh, head: HeadMesh) -> NDArray[np.bool_]:
    """(V,) skin between the chin and the top of the forehead, in front of the ears."""
    _, y, z = head.take(mesh.positions).T * (POSITION_STEP / (1 << WEIGHT_BITS))
    front: NDArray[np.bool_] = head.parts["head"] & (z > 0.75) & (y > 6.1) & (y < 7.9)
    return front


def principal_modes(assets: MakeHumanAssets) -> IdentityModes:
    """Principal components of random people after size, place and rotation of their faces were taken out."""
    mesh = assets.base_mesh()
    head = cut_head(mesh)
    targets = target_names(assets)
    basis = fields(assets, mesh, head, targets) * (POSITION_STEP / (1 << WEIGHT_BITS))  # (K + 7, V, 3)
    count = len(targets)
    face = front_of_face(mesh, head)
    front = basis[:, face].reshape(len(basis), -1)
    # Each target without the similarity that is in it: rows of (K, K + 7) over `basis`.
    inside = np.linalg.lstsq(front[count:].T, front[:count].T, rcond=None)[0].T  # (K, 7)
    shapes = np.concatenate([np.eye(count), -inside], axis=1)
    people = draw_people(targets, PEOPLE, SEED)
    mean = people.mean(axis=0)
    factor = np.linalg.cholesky(np.cov(people.T) + 1e-10 * np.eye(count))  # (K, K)
    weight = np.sqrt(np.where(face, 1.0, _BACK_WEIGHT))[:, None]
    moved = (factor.T @ shapes @ basis.reshape(len(basis), -1)).reshape(count, -1, 3)  # white coefficients to vertices
    seen = (moved * weight).reshape(count, -1)
    _, vectors = np.linalg.eigh(seen @ seen.T)
    largest = vectors[:, ::-1][:, :IDENTITY_COUNT].T  # (80, K)
    modes = largest @ factor.T @ shapes
    modes *= np.where(modes.sum(axis=1) < 0, -1, 1)[:, None]
    every = (moved[:, face] ** 2).sum()
    kept = float(((largest @ moved[:, face].reshape(count, -1)) ** 2).sum() / every)
    scale = 1 << COEFFICIENT_BITS
    return IdentityModes(
        targets, np.rint(mean @ shapes * scale).astype(np.int64), np.rint(modes * scale).astype(np.int64), kept
    )


def _write(modes: IdentityModes) -> None:
    small = {"mean": modes.mean.astype(np.int16), "modes": modes.modes.astype(np.int16)}
    np.savez_compressed(FILE, targets=np.array(modes.targets), kept=np.float64(modes.kept), **small)  # type: ignore[arg-type]


if __name__ == "__main__":
    _write(principal_modes(MakeHumanAssets(Path(sys.argv[1]))))
