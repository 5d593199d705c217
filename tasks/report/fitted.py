"""The fitted face over its frames: how well the coefficients of a clip describe what is in the picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from reenactory.models.weight_files import WeightError
from reenactory.models.weights import locate, sha256_of
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import extractor_named
from reenactory.tasks.face3d import column
from reenactory.tasks.report.tiles import Frames

if TYPE_CHECKING:
    from reenactory.models.face_model.model import FaceModel

OPEN, BFM = "open_face_model", "bfm09"  # the face models of the extractors open and deep3d


class FittedFaces:
    """Draws the faces of face3d tables; a face model is loaded with the first clip that needs it."""

    def __init__(self) -> None:
        self._models: dict[str | None, FaceModel | None] = {}

    def draw(self, frames: Frames | None, face: pa.Table | None, indices: Sequence[int]) -> Frames | None:
        """Frames with the lit mesh over them, bare where no face was found.

        Args:
            frames: (n, H, W, 3) uint8 RGB.
            face: face3d table of the clip.
            indices: rows of the table that the frames are.

        Returns:
            (n, H, W, 3) uint8; None where the extractor has no face model, or this machine lacks it or has another.
        """
        if frames is None or face is None or not face.num_rows:
            return None
        model = self._model(face["extractor"][0].as_py())
        if model is None:
            return None
        import torch

        from reenactory.models.face_maps.lit_face import Coefficients, lit_face

        rows = face.take(list(indices))
        found = Coefficients(*(torch.from_numpy(column(rows, name)) for name in Coefficients._fields))
        drawn = lit_face(model, found, (frames.shape[1], frames.shape[2]))
        image = (drawn.image * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return np.where(drawn.covered.permute(0, 2, 3, 1).numpy(), image, frames)

    def _model(self, identifier: str | None) -> "FaceModel | None":
        if identifier not in self._models:
            self._models[identifier] = _load(identifier)
        return self._models[identifier]


def _load(identifier: str | None) -> "FaceModel | None":
    """The face model whose coefficients an extractor of that id wrote. torch is imported for those that have one."""
    try:
        extractor = extractor_named(identifier)
        if extractor == "open" and identifier and sha256_of(OPEN)[:12] in identifier.split("+"):
            from reenactory.models.face_model.open_model import load_open_model

            return load_open_model(locate(OPEN))
        if extractor == "deep3d":
            from reenactory.models.face_model.bfm import load_bfm

            return load_bfm(locate(BFM))
    except (WrongUseError, WeightError, ValueError):  # the page is the last of many things: it goes without a mesh
        pass
    return None
