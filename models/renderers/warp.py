"""`warp`: no training; the source's mesh moved by the driver's, the picture warped with it.

torch is imported where it computes: plans and reports read only the card, and torch takes 3 s to import.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reenactory.models.renderers.protocol import Driving, Face, Need, RendererCard, Source

if TYPE_CHECKING:
    from reenactory.models.warp.motion import Motion
    from reenactory.models.warp.warp import WarpState

SCORES = 52


class WarpRenderer:
    """Matted foreground warped by the flow between two fitted meshes, on an inpainted background."""

    needs: frozenset[Need] = frozenset({"matte", "face3d"})
    card = RendererCard(
        name="warp",
        version=2,
        paper="none: the baseline without training",
        licence="Apache-2.0",
        motion="rotation absolute; expression, place and size relative to the driving frame most like the source",
        resolution=None,
        extractors=("mediapipe",),  # it reads exp as the landmarker's scores
    )

    def __init__(self, device: str, weights: Mapping[str, str]) -> None:
        self._device = device

    def prepare(self, source: Source) -> "WarpState":
        from reenactory.models.warp.warp import prepare

        if source.alpha is None or source.face is None:
            raise ValueError("warp needs the source's matte and face3d coefficients; got none")
        motion = _motion(source.face)
        return prepare(
            source.frame, source.alpha, motion.points[0], motion.rotation[0], motion.scores[0], device=self._device
        )

    def animate(self, state: "WarpState", driving: Driving) -> NDArray[np.float32]:
        from reenactory.models.warp.warp import animate

        if driving.face is None:
            raise ValueError("warp needs the driver's face3d coefficients; got none")
        return animate(state, _motion(driving.face)).cpu().numpy()


def _motion(face: Face) -> "Motion":
    from reenactory.models.face_mesh.pose import rotation_from_angles
    from reenactory.models.warp.motion import Motion

    rotation = rotation_from_angles(face.angles).astype(np.float32)
    return Motion(face.mesh, rotation, face.exp[:, :SCORES])
