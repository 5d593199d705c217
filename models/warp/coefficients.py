"""What drives the warp: coefficients of the open face model, and the landmarker's points that they were fitted to."""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.face_model.camera import Camera, picture_camera
from reenactory.models.warp.face import WarpFace
from reenactory.models.warp.head import Head, find_head, project, unproject

# The landmarker guesses what looks away from the camera: such points count from here to there, by cosine.
_AVERTED = (-0.1, 0.3)
_FARTHEST = 0.06  # model units between a landmark and the fit, a tenth of the eye distance: beyond it is an error


class Coefficients(NamedTuple):
    """T frames of one person, all with a face.

    Attributes:
        identity: (80,) of the open face model.
        expression: (T, 64).
        angles: (T, 3) pitch, yaw, roll in radians.
        translation: (T, 3).
        crop: (T, 3) s, tx, ty.
        points: (T, 478, 3) pixels, of the landmarker.
        size: (H, W) of the picture.
    """

    identity: Tensor
    expression: Tensor
    angles: Tensor
    translation: Tensor
    crop: Tensor
    points: Tensor
    size: tuple[int, int]

    def finite(self) -> Tensor:
        """(T,) bool: the frames that have a face."""
        per_frame = (self.expression, self.angles, self.translation, self.crop, self.points)
        known = torch.stack([torch.isfinite(values).flatten(1).all(dim=1) for values in per_frame]).all(dim=0)
        return known & torch.isfinite(self.identity).all()

    def only(self, frames: Tensor) -> "Coefficients":
        """Some frames."""
        parts = (self.expression, self.angles, self.translation, self.crop, self.points)
        expression, angles, translation, crop, points = (values[frames] for values in parts)
        return Coefficients(self.identity, expression, angles, translation, crop, points, self.size)

    def camera(self) -> Camera:
        """Of each frame: the alignment moves from frame to frame, and the camera with it."""
        return picture_camera(self.crop, self.size)

    def head(self) -> Head:
        """Where the head is in each frame."""
        return find_head(self.angles, self.translation, self.camera())


def fit_error(face: WarpFace, motion: Coefficients) -> Tensor:
    """How far the landmarker's points are from the fitted model, in the head's own axes.

    A model of 80 and 51 numbers leaves 1 to 2 % of the eye distance; added to the model it puts lids and lips where
    the landmarker saw them.

    Returns:
        (T, 478, 3) model units, without depth; less on the side that looks away.
    """
    camera, head = motion.camera(), motion.head()
    shape = face.shape(motion.identity, motion.expression)[:, face.drawn :]  # (T, 478, 3)
    depth = project(shape, head, camera)[..., 2]
    error = unproject(motion.points[..., :2], depth, head, camera) - shape
    length = torch.linalg.vector_norm(error, dim=-1, keepdim=True).clamp(min=1e-9)
    believed: Tensor = error * (_FARTHEST / length).clamp(max=1) * _facing(face, head.rotation)[..., None]
    return believed


def _facing(face: WarpFace, rotation: Tensor) -> Tensor:
    """(T, 478) in [0, 1]."""
    low, high = _AVERTED
    cosine = rotation[:, 2] @ face.normals[face.drawn :].T
    facing: Tensor = ((cosine - low) / (high - low)).clamp(0, 1)
    return facing
