"""The mean face of the open model in a picture of waves, and movements of it whose landmarks are known exactly."""

import numpy as np
import torch
from numpy.typing import NDArray

from reenactory.models.face_model.open_shape import EXPRESSION_UNITS
from reenactory.models.warp.coefficients import Coefficients
from reenactory.models.warp.face import WarpFace
from reenactory.models.warp.head import project

SIDE = 128
Picture = NDArray[np.uint8]


def units(**scores: float) -> torch.Tensor:
    """(1, 64) expression."""
    row = torch.zeros(1, 64)
    for name, score in scores.items():
        row[0, EXPRESSION_UNITS.index(name)] = score
    return row


def motion(
    face: WarpFace,
    angles: list[tuple[float, float, float]],
    expression: torch.Tensor | None = None,
    shift: list[tuple[float, float, float]] | None = None,
) -> Coefficients:
    """T frames of the mean person, in the middle of a picture that is the 224 frame at 4/7."""
    count = len(angles)
    rows = torch.zeros(count, 64) if expression is None else expression.expand(count, -1)
    trans = torch.zeros(count, 3) if shift is None else torch.tensor(shift, dtype=torch.float32)
    crop = torch.tensor([[224 / SIDE, SIDE / 2, SIDE / 2]]).repeat(count, 1)
    blank = torch.zeros(count, 478, 3)
    still = Coefficients(torch.zeros(80), rows, torch.tensor(angles).float(), trans, crop, blank, (SIDE, SIDE))
    shape = face.shape(still.identity, rows)[:, face.drawn :]
    return still._replace(points=project(shape, still.head(), still.camera()))


def waves() -> tuple[Picture, Picture]:
    """(128, 128, 3) picture and (128, 128) matte of a head with shoulders."""
    row, column = np.mgrid[:SIDE, :SIDE] + 0.5
    sines = [np.sin(column / 5 + k) * np.cos(row / 7 - k) for k in range(3)]
    picture = (127 + 90 * np.stack(sines, axis=-1)).astype(np.uint8)
    head = ((column - 64) / 48) ** 2 + ((row - 58) / 56) ** 2
    body = np.maximum(np.abs(column - 64) / 60, (122 - row) / 12)
    alpha = np.clip((1.03 - np.minimum(head, body)) / 0.06, 0, 1)
    return picture, (alpha * 255).astype(np.uint8)
