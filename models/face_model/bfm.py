"""Loads the Basel Face Model 2009 as Deep3DFaceRecon cuts and scales it, from the user's `BFM_model_front.mat`.

The file may not be handed out by others: users make it from the two gated originals. Keys and shapes: methods B.2.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.io import loadmat
from torch import Tensor

from reenactory.models.face_model.model import (
    EXPRESSION_COUNT,
    IDENTITY_COUNT,
    TEXTURE_COUNT,
    FaceModel,
    mode_variance,
)

NAME = "bfm09"
VERTEX_COUNT = 35_709
"""Of the official file; any other number is read as well, if all of the file agrees on it."""

_WIDTH_UNITS = (0.8, 3.0)  # of a face in decimetres: other numbers mean other units
_KEYS = ("meanshape", "idBase", "exBase", "meantex", "texBase", "tri", "keypoints", "frontmask2_idx", "skinmask")


def load_bfm(path: Path) -> FaceModel:
    """The user's model, with its mean vertex at the origin and all indices counted from 0.

    Raises:
        ValueError: not a MATLAB file, a key is missing, or a shape or index does not fit the others.
    """
    try:
        data = loadmat(path, variable_names=_KEYS)
    except (ValueError, NotImplementedError, OSError) as error:
        raise ValueError(f"{path} cannot be read as a MATLAB file (version 5): {error}") from error
    if missing := [key for key in _KEYS if key not in data]:
        raise ValueError(f"{path} is no BFM_model_front.mat: it lacks {', '.join(missing)}")
    reader = _Reader(path, data)
    count = data["meanshape"].size // 3
    mean = reader.array("meanshape", (1, 3 * count)).view(count, 3)
    mean = mean - mean.mean(dim=0)
    width = float(mean[:, 0].max() - mean[:, 0].min())
    if not _WIDTH_UNITS[0] < width < _WIDTH_UNITS[1]:
        raise ValueError(f"{path}: the mean face is {width:.3g} wide, expected about 1.5 (decimetres)")
    identity = reader.basis("idBase", count, IDENTITY_COUNT)
    face = torch.zeros(count, dtype=torch.bool)
    face[reader.ids("frontmask2_idx", data["frontmask2_idx"].size, count)] = True
    return FaceModel(
        name=NAME,
        mean=mean,
        identity=identity,
        expression=reader.basis("exBase", count, EXPRESSION_COUNT),
        triangles=reader.ids("tri", data["tri"].size, count).view(-1, 3),
        landmarks_68=reader.ids("keypoints", 68, count),
        identity_variance=mode_variance(identity, face),
        masks={"face": face, "skin": reader.array("skinmask", (1, count))[0] > 0},
        mean_texture=reader.array("meantex", (1, 3 * count)).view(count, 3) / 255,
        texture=reader.basis("texBase", count, TEXTURE_COUNT) / 255,
    )


class _Reader:
    """Arrays of one file, checked."""

    def __init__(self, path: Path, data: dict[str, NDArray[np.generic]]) -> None:
        self._path = path
        self._data = data

    def array(self, key: str, shape: tuple[int, ...]) -> Tensor:
        found = self._data[key]
        if found.shape != shape or not np.issubdtype(found.dtype, np.number):
            raise ValueError(f"{self._path}: {key} is {found.shape} {found.dtype}, expected {shape} numbers")
        values = found.astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError(f"{self._path}: {key} holds numbers that are not finite")
        return torch.from_numpy(values)

    def basis(self, key: str, vertices: int, modes: int) -> Tensor:
        """(modes, V, 3) of a matrix (3 V, modes)."""
        return self.array(key, (3 * vertices, modes)).t().contiguous().view(modes, vertices, 3)

    def ids(self, key: str, count: int, vertices: int) -> Tensor:
        """(count,) int64 from 0, of vertex numbers from 1."""
        found = self._data[key].ravel()
        if key == "tri" and (self._data[key].ndim != 2 or self._data[key].shape[1] != 3):
            raise ValueError(f"{self._path}: tri is {self._data[key].shape}, expected (F, 3)")
        if found.size != count:
            raise ValueError(f"{self._path}: {key} has {found.size} entries, expected {count}")
        numbers = found.astype(np.int64)
        if not np.array_equal(numbers, found) or numbers.min() < 1 or numbers.max() > vertices:
            raise ValueError(f"{self._path}: {key} must hold vertex numbers from 1 to {vertices}")
        return torch.from_numpy(numbers - 1)
