"""`flow3d`: 3DFlowRenderer with weights that `reenactory train` made.

torch is imported where it computes: plans and reports read only the card.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.motion import detected
from reenactory.models.flow3d.descriptor import Control, controlled, descriptors_of, match_scale, windows
from reenactory.models.renderers.protocol import Driving, Face, Need, RendererCard, Source

if TYPE_CHECKING:
    from reenactory.models.flow3d.animation import Matter, SourceState
    from reenactory.models.rvm.matting import VideoMatter

WEIGHTS, MATTING = "flow3d", "rvm_mobilenetv3"


def _card(name: str, driven: str) -> RendererCard:
    return RendererCard(
        name=name,
        version=3,
        paper="3DFlowRenderer (widths of our own; see docs/flow3d.md)",
        licence="Apache-2.0; the weights' own, by what they were trained on",
        motion=f"{driven} absolute; the face's size relative to the driving frame most like the source",
        resolution=None,
        weights=(WEIGHTS, MATTING),
    )


class State(NamedTuple):
    """One source."""

    picture: "SourceState"
    descriptor: NDArray[np.float32]  # (1, 73)


class Flow3dRenderer:
    """The person warped by a 3D flow, refined, laid over the source's own background; what was hidden is painted in."""

    needs: frozenset[Need] = frozenset({"matte", "face3d"})
    card = _card("flow3d", "expression, rotation and place")
    control: Control = "all"

    def __init__(self, device: str, weights: Mapping[str, str]) -> None:
        import torch

        from reenactory.models.flow3d.weights import load_weights

        self._network, _, _ = load_weights(Path(weights[WEIGHTS]), torch.device(device))
        config = self._network.config
        matted = config.alpha_source == "rvm_on_refined" and config.separate_background
        self._matting = _matting(Path(weights[MATTING]), device, torch.get_num_threads()) if matted else None

    def prepare(self, source: Source) -> State:
        from reenactory.models.flow3d.animation import prepare

        if source.alpha is None or source.face is None:
            raise ValueError("flow3d needs the source's matte and face3d coefficients; got none")
        descriptor = _descriptors(source.face)
        return State(prepare(self._network, source.frame, source.alpha, descriptor[0]), descriptor)

    def animate(self, state: State, driving: Driving) -> NDArray[np.float32]:
        from reenactory.models.flow3d.animation import animate

        if driving.face is None:
            raise ValueError("flow3d needs the driver's face3d coefficients; got none")
        motion = match_scale(_descriptors(driving.face), state.descriptor)
        motion = controlled(motion, state.descriptor, self.control)
        seen = np.flatnonzero(detected(motion))
        frames = np.full((driving.count, *state.picture.frame.shape[1:]), np.nan, np.float32)
        done = 0
        for portion in animate(self._network, state.picture, windows(motion, seen), self._matter()):
            frames[seen[done : done + len(portion)]] = portion
            done += len(portion)
        return frames

    def _matter(self) -> "Matter | None":
        """A matting of its own for each driving clip: it remembers the frames before."""
        if self._matting is None:
            return None
        clip = self._matting.begin()
        return lambda frames: np.stack([matte.alpha for matte in clip.step(frames)])


class ExpressionRenderer(Flow3dRenderer):
    """Only the expression is driven; the head keeps the source's pose."""

    card = _card("flow3d_expression", "expression alone")
    control: Control = "expression"


class PoseRenderer(Flow3dRenderer):
    """Only pose and place are driven; the face keeps the source's expression."""

    card = _card("flow3d_pose", "rotation and place, without expression,")
    control: Control = "pose"


def _matting(weights: Path, device: str, threads: int) -> "VideoMatter":
    from reenactory.models.rvm.matting import VideoMatter

    return VideoMatter(weights, device, threads)


def _descriptors(face: Face) -> NDArray[np.float32]:
    return descriptors_of(face.exp, face.angles, face.trans, face.crop)
