"""`warp`: no training; the face model on the source moved as the driver's is, and the picture warped with it.

torch is imported where it computes: plans and reports read only the card, and torch takes 3 s to import.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reenactory.models.renderers.protocol import Driving, Face, Need, RendererCard, Source

if TYPE_CHECKING:
    from reenactory.models.warp.coefficients import Coefficients
    from reenactory.models.warp.warp import WarpState

MODEL = "open_face_model"


class WarpRenderer:
    """Matted foreground warped by the flow between two poses of the open face model, on an inpainted background."""

    needs: frozenset[Need] = frozenset({"matte", "face3d"})
    card = RendererCard(
        name="warp",
        version=3,
        paper="none: the baseline without training",
        licence="Apache-2.0",
        motion="rotation, jaw and gaze absolute; other expression, place and size relative to frames like the source",
        resolution=None,
        weights=(MODEL,),
        extractors=("open", "mediapipe"),  # of the latter's scores and points it makes the former's coefficients
    )

    def __init__(self, device: str, weights: Mapping[str, str]) -> None:
        from reenactory.models.face_fit.clip_fit import ClipFitter
        from reenactory.models.face_model.open_model import load_open_model
        from reenactory.models.warp.face import WarpFace

        model = load_open_model(Path(weights[MODEL]))
        self._face, self._fitter, self._device = WarpFace.of(model).to(device), ClipFitter(model), device

    def prepare(self, source: Source) -> "WarpState":
        from reenactory.models.warp.warp import prepare

        if source.alpha is None or source.face is None:
            raise ValueError("warp needs the source's matte and face3d coefficients; got none")
        return prepare(self._face, source.frame, source.alpha, self._coefficients(source.face))

    def animate(self, state: "WarpState", driving: Driving) -> NDArray[np.float32]:
        from reenactory.models.warp.warp import animate

        if driving.face is None:
            raise ValueError("warp needs the driver's face3d coefficients; got none")
        motion = self._coefficients(driving.face)
        frames = np.full((driving.count, *state.background.shape), np.nan, np.float32)
        if (rows := motion.finite().nonzero()[:, 0]).numel():
            frames[rows.cpu().numpy()] = animate(state, motion.only(rows)).cpu().numpy()
        return frames

    def _coefficients(self, face: Face) -> "Coefficients":
        import torch

        from reenactory.models.warp.coefficients import Coefficients

        if np.isfinite(face.mesh).all(axis=(1, 2)).any() and not np.isfinite(face.id).any():
            face = self._fitted(face)
        known = np.isfinite(face.id).all(axis=1)
        # Identity is the same in all frames that have one.
        rows = (face.id[known.argmax()], face.exp, face.angles, face.trans, face.crop, face.mesh)
        tensors = [torch.from_numpy(np.array(values, np.float32)).to(self._device) for values in rows]
        identity, expression, angles, trans, crop, points = tensors
        return Coefficients(identity, expression, angles, trans, crop, points, face.size)

    def _fitted(self, face: Face) -> Face:
        """The open model's coefficients, of the landmarker's points and scores."""
        from reenactory.models.face_mesh.pose import rotation_from_angles
        from reenactory.models.face_mesh.topology import SCORE_COUNT

        rotation = rotation_from_angles(face.angles).astype(np.float32)
        black = np.zeros((len(face.mesh), *face.size, 3), np.uint8)  # light and texture are of no interest here
        fit = self._fitter.fit(black, face.mesh, face.exp[:, :SCORE_COUNT], rotation)
        return face._replace(id=fit.id, exp=fit.exp, angles=fit.angles, trans=fit.trans, crop=fit.crop)
