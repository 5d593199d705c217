"""The driver's movement on the source's own shape."""

from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.face_mesh import topology
from reenactory.models.warp.motion import Posed, project, unpose, unpose_anchor

_EYES = (
    (topology.RIGHT_EYE_UPPER[1:-1].tolist(), topology.RIGHT_EYE_LOWER[1:-1].tolist()),
    (topology.LEFT_EYE_UPPER[1:-1].tolist(), topology.LEFT_EYE_LOWER[1:-1].tolist()),
)
_LIPS = (topology.MOUTH_UPPER[1:-1].tolist(), topology.MOUTH_LOWER[1:-1].tolist())
# How much wider than in the picture the source's eyes may open: as such, and to reach the driver's own opening.
# There is no more eye to show: drawn out threefold, the lashes of a source that looks down turn into black holes.
_WIDER_EYE, _WIDEST_EYE = 1.15, 1.8
# A driver whose reference frame blinks would multiply every later blink; beyond these the ratio says nothing.
_LID_RATIO = (0.6, 1.6)
# Weights of the difference of scores and angles when the reference frame is chosen (PIRenderer's crop normalisation).
_SCORE_WEIGHT, _ANGLE_WEIGHT = 0.3, 0.7
# Root mean square beside the mean: one blink or smile among 52 scores drowns in a mean, but it is what shows when it is
# taken for the source's resting face.
_PEAK_WEIGHT = 0.3


class Target(NamedTuple):
    """Where the source's face is to be in T frames.

    Attributes:
        points: (T, 478, 3) float32, pixels: column, row, depth.
        offset: (T, 478, 3) float32, expression only, in the source's pose-free space.
        rotation, scale, shift: pose of the head, see `motion.Posed`.
    """

    points: Tensor
    offset: Tensor
    rotation: Tensor
    scale: Tensor
    shift: Tensor


def choose_reference(source_scores: Tensor, source_rotation: Tensor, scores: Tensor, rotation: Tensor) -> int:
    """The driving frame most like the source, relative to which the driver's movement is measured.

    Args:
        source_scores: (52,).
        source_rotation: (3, 3).
        scores: (T, 52), finite.
        rotation: (T, 3, 3), finite.

    Returns:
        Index into T; the first of equals.
    """
    difference = scores - source_scores
    trace = torch.einsum("ij,tij->t", source_rotation, rotation)
    angle = torch.arccos(((trace - 1) / 2).clamp(-1, 1))
    cost = _SCORE_WEIGHT * difference.abs().mean(dim=1) + _PEAK_WEIGHT * difference.square().mean(dim=1).sqrt()
    cost = cost + _ANGLE_WEIGHT * angle / 3
    return int(cost.argmin())


def retarget(source: Posed, points: Tensor, rotation: Tensor, reference: int) -> Target:
    """Adds the driver's movement since its reference frame to the source's shape.

    Rotation is the driver's own; translation and scale are relative to the reference frame, measured in head sizes.
    When source and driver are the same person and the reference frame is the source frame, the result is the driver's
    mesh itself.

    Args:
        source: Posed with T = 1 (`unpose_anchor`).
        points: (T, 478, 3) driving mesh in pixels.
        rotation: (T, 3, 3) of the driver.
        reference: index into T.

    Returns:
        Target of T frames.
    """
    anchor = unpose_anchor(points[reference], rotation[reference])
    posed = unpose(points, rotation, anchor)
    size = _size(source.shape) / _size(anchor.shape)
    offset = (posed.shape - anchor.shape) * size
    offset = _match_openings(source.shape, anchor.shape * size, offset)
    shift = source.shift + (posed.shift - anchor.shift) * size
    shape = source.shape + offset
    return Target(project(shape, posed.rotation, posed.scale, shift), offset, posed.rotation, posed.scale, shift)


def _size(shape: Tensor) -> Tensor:
    """Spread of the skin's points around their mean, of one shape (1, 478, 3)."""
    skin = shape[0, :468]
    return (skin - skin.mean(dim=0)).square().sum().sqrt()


def _match_openings(source: Tensor, anchor: Tensor, offset: Tensor) -> Tensor:
    """Lids close when the driver's do, though the source's eyes are larger or smaller; lips never cross.

    Args:
        source: (1, 478, 3) shape of the source.
        anchor: (1, 478, 3) shape of the driver's reference frame, in the source's units.
        offset: (T, 478, 3) movement of the driver since then.

    Returns:
        (T, 478, 3).
    """
    offset = offset.clone()
    for upper, lower in _EYES:
        _match_lids(source, anchor, offset, upper, lower)
    up, low = _LIPS
    height = (source + offset)[:, up, 1] - (source + offset)[:, low, 1]  # (T, 9), Y up: positive when open
    # Not below zero, unless the landmarks of the source itself overlap.
    floor = (source[:, up, 1] - source[:, low, 1]).clamp(max=0)
    _spread(offset, up, low, (floor - height).clamp(min=0))
    return offset


def _match_lids(source: Tensor, anchor: Tensor, offset: Tensor, up: list[int], low: list[int]) -> None:
    """Scales the lids' movement to the source's eye, in place, and keeps it from opening wider than either person's."""
    source_open, anchor_open = (shape[:, up, 1] - shape[:, low, 1] for shape in (source, anchor))  # (1, 7), Y up
    ratio = (source_open.mean() / anchor_open.mean().clamp(min=1e-3)).clamp(*_LID_RATIO)
    moved = offset[:, up, 1] - offset[:, low, 1]  # (T, 7)
    _spread(offset, up, low, moved * (ratio - 1))
    opening = source_open + offset[:, up, 1] - offset[:, low, 1]
    # A driver whose reference frame looks down or blinks would tear the source's eyes open in all others.
    widest = torch.maximum(_WIDER_EYE * source_open, (anchor_open + moved).minimum(_WIDEST_EYE * source_open))
    _spread(offset, up, low, (widest - opening).clamp(max=0) + (-opening).clamp(min=0))


def _spread(offset: Tensor, up: list[int], low: list[int], gap: Tensor) -> None:
    """Opens two chains of points by `gap` (T, N) along Y, half each, in place."""
    offset[:, up, 1] += gap / 2
    offset[:, low, 1] -= gap / 2
