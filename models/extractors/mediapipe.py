"""`mediapipe`: expression scores and rotation as the landmarker gives them; no identity, texture or light."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from reenactory.models.extractors.protocol import Fit
from reenactory.models.face_mesh.pose import align, angles_from_rotation, translation
from reenactory.models.face_mesh.topology import LANDMARKS_68

if TYPE_CHECKING:
    from reenactory.models.face_mesh.landmarker import Landmarks

EXPRESSIONS = 64


class MediapipeExtractor:
    """exp: the landmarker's scores in its own order, then zeros."""

    name: ClassVar[str] = "mediapipe-face-landmarker"
    weights: ClassVar[tuple[str, ...]] = ()

    def __init__(self, device: str, threads: int, weights: Mapping[str, Path]) -> None:
        pass

    def fit(self, frames: NDArray[np.uint8], found: "Landmarks") -> Fit:
        height, width = frames.shape[1:3]
        landmarks = found.points[:, LANDMARKS_68, :2]
        alignment = align(landmarks, height)
        return Fit(
            exp=np.pad(found.scores, ((0, 0), (0, EXPRESSIONS - found.scores.shape[1]))),
            angles=angles_from_rotation(found.rotation).astype(np.float32),
            trans=translation(landmarks, found.rotation, alignment, (height, width)),
            crop=alignment.crop,
            landmarks=landmarks.reshape(len(frames), -1),
        )
