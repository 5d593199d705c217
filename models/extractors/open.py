"""`open`: the open face model fitted to the landmarker's points and to the pixels. Everything it needs is free."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from reenactory.models.extractors.protocol import Fit
from reenactory.models.face_mesh.topology import LANDMARKS_68

if TYPE_CHECKING:
    from reenactory.models.face_mesh.landmarker import Landmarks

MODEL = "open_face_model"


class OpenExtractor:
    """All coefficients, of the open model: exp is the landmarker's units, refined by the fit. Computed on the CPU."""

    name: ClassVar[str] = "open-face-fit"
    weights: ClassVar[tuple[str, ...]] = (MODEL,)

    def __init__(self, device: str, threads: int, weights: Mapping[str, Path]) -> None:
        import torch

        from reenactory.models.face_fit.clip_fit import ClipFitter
        from reenactory.models.face_model.open_model import load_open_model

        torch.set_num_threads(threads)
        self._fitter = ClipFitter(load_open_model(weights[MODEL]))

    def fit(self, frames: NDArray[np.uint8], found: "Landmarks") -> Fit:
        landmarks = found.points[:, LANDMARKS_68, :2]
        fitted = self._fitter.fit(frames, found.points, found.scores, found.rotation)
        return Fit(landmarks=landmarks.reshape(len(frames), -1), **fitted._asdict())
