"""The driver's movement on the source's own shape."""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.face_mesh.topology import SCORE_COUNT
from reenactory.models.face_model.open_shape import EXPRESSION_UNITS
from reenactory.models.warp.coefficients import Coefficients, fit_error
from reenactory.models.warp.face import WarpFace
from reenactory.models.warp.head import Head, steadied

# Weights of the difference of scores and angles when the reference is chosen (PIRenderer's crop normalisation).
_SCORE_WEIGHT, _ANGLE_WEIGHT = 0.3, 0.7
# Root mean square beside the mean: one blink or smile among 52 scores drowns in a mean, but it is what shows when it is
# taken for the source's resting face.
_PEAK_WEIGHT = 0.3
# A head at another place, in model units, or of another size, is less like it: of frames of one clip those right beside
# the source are taken, and its person is put where the camera has it.
_PLACE_WEIGHT = 0.1
# Frames count by exp(-cost / softness), softer where even the best is unlike: then the next ones are hardly worse.
_SOFTNESS, _SOFTEST = 0.1, 0.001
_ABSOLUTE = ("jawOpen", "mouthClose", "eyeLook")
_LIDS = ("eyeBlink",)
# Points that hardly move with expression: forehead, temples, nose bridge, inner and outer eye corners.
_RIGID = [10, 338, 297, 332, 284, 251, 389, 356, 454, 234, 127, 162, 21, 54, 103, 67, 109, 151, 168, 6, 197, 195]
_RIGID += [5, 4, 33, 133, 362, 263]


class Person(NamedTuple):
    """The source.

    Attributes:
        motion: T = 1.
        error: (478, 3), see `fit_error`.
    """

    motion: Coefficients
    error: Tensor


class Target(NamedTuple):
    """Where the source's face is to be in T frames.

    Attributes:
        shape: (T, N, 3) in model units, the face model's vertices and the 478 points.
        head: of T frames.
    """

    shape: Tensor
    head: Head

    def only(self, frames: slice) -> "Target":
        """Some frames."""
        return Target(self.shape[frames], Head(*(values[frames] for values in self.head)))


def likeness(source: Coefficients, driving: Coefficients) -> Tensor:
    """How much each driving frame counts as one in which the driver holds the head and the face as the source does.

    All frames have a share, so that it changes little when the coefficients do: the one best frame may be another one
    after a clip has been encoded again.

    Returns:
        (T,) weights, sum 1.
    """
    difference = (driving.expression - source.expression)[:, :SCORE_COUNT]
    here, there = source.head(), driving.head()
    between = here.rotation.transpose(1, 2) @ there.rotation
    angle = torch.arccos(((between.diagonal(dim1=1, dim2=2).sum(dim=1) - 1) / 2).clamp(-1, 1))
    cost = _SCORE_WEIGHT * difference.abs().mean(dim=1) + _PEAK_WEIGHT * difference.square().mean(dim=1).sqrt()
    larger = driving.size[0] / source.size[0]
    apart = (there.place / larger - here.place).norm(dim=1) / here.scale
    apart = apart + (there.scale / (larger * here.scale)).log().abs()
    cost = cost + _ANGLE_WEIGHT * angle / 3 + _PLACE_WEIGHT * apart
    softness = _SOFTNESS * cost.min() + _SOFTEST
    return torch.softmax(-cost / softness, dim=0)


def retarget(face: WarpFace, source: Person, driving: Coefficients) -> Target:
    """The driver's movement on the source's identity: rotation as it is, the rest relative to the driver's like frames.

    Args:
        face: the model of both.
        source: the person to be moved.
        driving: T frames.

    Returns:
        Target of T frames; of the source itself it is the source.
    """
    weight = likeness(source.motion, driving)
    error = fit_error(face, driving)
    # What the fit leaves over is the person's own where it is the same in all frames: that stays with the driver.
    error = source.error + error - torch.einsum("t,tnc->nc", weight, error)
    expression = _expression(source.motion.expression, driving.expression, weight)
    shape = face.shape(source.motion.identity, expression) + face.spread @ error
    head, camera = source.motion.head(), source.motion.camera()
    still = face.shape(source.motion.identity, source.motion.expression)[0] + face.spread @ source.error
    rigid = [face.drawn + point for point in _RIGID]
    return Target(*steadied(shape, _relative(head, driving.head(), weight), camera, still, rigid))


def _expression(source: Tensor, driving: Tensor, weight: Tensor) -> Tensor:
    """(T, 64): what the driver's face does besides what it does in like frames, on top of what the source's does.

    Jaw and gaze are the driver's own: a mouth that is open in the source must be able to close. Lids close as far as
    the driver's, but hardly open beyond the source's: behind them there is no more eye to show.
    """
    relative = driving + source - weight @ driving
    expression = torch.where(_named(_ABSOLUTE, driving), driving, relative)
    return torch.where(_named(_LIDS, driving), torch.maximum(driving, relative), expression).clamp(0, 1)


def _named(starts: tuple[str, ...], expression: Tensor) -> Tensor:
    """(64,) bool: the units whose names start so."""
    chosen = torch.zeros(expression.shape[1], dtype=torch.bool, device=expression.device)
    chosen[[i for i, name in enumerate(EXPRESSION_UNITS) if name.startswith(starts)]] = True
    return chosen


def _relative(source: Head, driving: Head, weight: Tensor) -> Head:
    reference = (weight * driving.scale.log()).sum().exp()
    ratio = source.scale / reference
    place = source.place + ratio * (driving.place - weight @ driving.place)
    return Head(driving.rotation, place, driving.scale * ratio)
