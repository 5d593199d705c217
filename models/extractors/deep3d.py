"""`deep3d`: Deep3DFaceRecon with the user's checkpoint, on the landmarker's 68 points."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from reenactory.models.extractors.protocol import Fit
from reenactory.models.face_mesh.topology import LANDMARKS_68
from reenactory.models.face_model.coefficients import split

if TYPE_CHECKING:
    from reenactory.models.face_mesh.landmarker import Landmarks

CHECKPOINT = "deep3d_epoch20"


class Deep3dExtractor:
    """All 257 coefficients. The published scripts take other landmarks: see docs/face3d.md for what that changes."""

    name: ClassVar[str] = "deep3dfacerecon"
    weights: ClassVar[tuple[str, ...]] = (CHECKPOINT,)

    def __init__(self, device: str, threads: int, weights: Mapping[str, Path]) -> None:
        import torch

        from reenactory.models.deep3d.extract import Deep3DFaceRecon

        torch.set_num_threads(threads)
        self._network = Deep3DFaceRecon(weights[CHECKPOINT], torch.device(device))

    def fit(self, frames: NDArray[np.uint8], found: "Landmarks") -> Fit:
        landmarks = found.points[:, LANDMARKS_68, :2]
        extraction = self._network.extract(frames, landmarks)
        return Fit(crop=extraction.crop, landmarks=landmarks.reshape(len(frames), -1), **split(extraction.coefficients))
