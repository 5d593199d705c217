"""Pose, expression and identity from landmarks: Gauss-Newton, all frames of a batch at once.

The camera is Deep3DFaceRecon's (methods B.3), in the 224 frame (B.4). Per frame there are 58 unknowns: a small
rotation added from the left, the translation, the origin of the landmarker's depth, 51 expression units; 80 identity
coefficients may join them, shared by all frames.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from reenactory.models.face_fit.point_model import UNIT_COUNT, PointModel
from reenactory.models.face_fit.settings import FitSettings
from reenactory.models.face_model.conventions import CAMERA_DISTANCE, FOCAL

POSE = 7  # unknowns before the expression units
FRAME = POSE + UNIT_COUNT
_BOUND_ROUNDS = 2
_EYES = 33, 263  # outer corners, among the 478 points


@dataclass(frozen=True, eq=False)
class Observed:
    """T frames, all with a face.

    Attributes:
        points: (T, N, 3): column and row, counted upwards, about the centre of the 224 frame; depth in the same pixels,
            counted away from the camera, with any origin.
        scores: (T, 51) of the expression units.
    """

    points: Tensor
    scores: Tensor

    def only(self, frames: Tensor) -> "Observed":
        """Some frames."""
        return Observed(self.points[frames], self.scores[frames])


@dataclass(frozen=True, eq=False)
class State:
    """Where a fit stands: rotation (T, 3, 3), translation (T, 3), units (T, 51), identity (80,)."""

    rotation: Tensor
    translation: Tensor
    units: Tensor
    identity: Tensor

    def only(self, frames: Tensor) -> "State":
        """Some frames."""
        return State(self.rotation[frames], self.translation[frames], self.units[frames], self.identity)


class _Pulls(NamedTuple):
    """A fit's residuals and what they are most directly caused by; weights included, in standard deviations.

    Attributes:
        residual: (T, N, 3), of column, row and depth.
        by_place: (T, N, 3, 3), its derivative by the place of a point before the camera.
        by_origin: (T, N), the derivative of the third by the origin of depth.
        turned: (T, N, 3), the points after rotation.
    """

    residual: Tensor
    by_place: Tensor
    by_origin: Tensor
    turned: Tensor


def fit_frames(model: PointModel, seen: Observed, start: State, settings: FitSettings) -> State:
    """Pose and expression of every frame; identity stays."""
    state = start
    thinned = model.units[:, :: settings.hessian_stride]
    for step in range(settings.frame_steps):
        pulls = _pulls(model, seen, state, settings, robust=step >= settings.plain_steps)
        downhill = _downhill(model.units, pulls, state)
        if step % settings.hessian_steps == 0:
            hessian = _hessian(thinned, pulls, state, settings.hessian_stride)
        frame = _Step(hessian.clone(), downhill)
        _believe_scores(frame, seen, state, settings)
        state = _moved(state, _bounded(frame, state))
    return state


def fit_identity(model: PointModel, seen: Observed, start: State, settings: FitSettings) -> State:
    """Identity, common to all frames, with their poses and expressions.

    The frames' own unknowns are eliminated (Schur complement), so every step is a full Gauss-Newton step.
    """
    state = start
    modes = torch.cat([model.units, model.identity])
    for step in range(settings.identity_steps):
        pulls = _pulls(model, seen, state, settings, robust=step >= settings.plain_steps)
        if step % settings.hessian_steps == 0:
            curvature = _hessian(modes, pulls, state, 1).double()  # of fewer points it would miss what small modes do
        whole = _Step(curvature.clone(), _downhill(modes, pulls, state).double())
        _believe_scores(whole, seen, state, settings)
        hessian, downhill = _without(whole, _held(whole, state))
        factor = torch.linalg.cholesky(hessian[:, :FRAME, :FRAME])
        mixed = hessian[:, :FRAME, FRAME:]
        solved = torch.cholesky_solve(torch.cat([mixed, downhill[:, :FRAME, None]], dim=2), factor)  # (T, 58, 81)
        reduced = (hessian[:, FRAME:, FRAME:] - mixed.transpose(1, 2) @ solved[..., :-1]).sum(dim=0)
        pull = (downhill[:, FRAME:] - (mixed.transpose(1, 2) @ solved[..., -1:])[..., 0]).sum(dim=0)
        prior = torch.eye(len(pull), dtype=torch.float64)
        change = torch.linalg.solve(reduced + prior, pull - state.identity.double())
        state = _moved(state, solved[..., -1] - solved[..., :-1] @ change)
        state = replace(state, identity=state.identity + change.to(state.identity))
    return state


def misfit(model: PointModel, seen: Observed, state: State) -> Tensor:
    """(T,), mean distance of the points from the landmarks in the picture, in eye distances seen from the front.

    The distance is the one that the face has where the alignment puts it: a fit that ran into the camera, where
    everything is large, is not near its landmarks.
    """
    shape = model.shape(state.identity, state.units)
    x, y, z = (shape @ state.rotation.transpose(1, 2) + state.translation[:, None]).unbind(dim=-1)
    scale = FOCAL / (CAMERA_DISTANCE - z)
    apart = torch.hypot(scale * x - seen.points[..., 0], scale * y - seen.points[..., 1])
    eyes = (shape[:, _EYES[0]] - shape[:, _EYES[1]]).norm(dim=-1) * (FOCAL / CAMERA_DISTANCE)
    off: Tensor = apart.mean(dim=1) / eyes
    return off.nan_to_num(torch.inf)


class _Step(NamedTuple):
    """Normal equations of frames: hessian (T, P, P) and downhill (T, P)."""

    hessian: Tensor
    downhill: Tensor


def _moved(state: State, step: Tensor) -> State:
    step = step.to(state.units)
    return replace(
        state,
        rotation=torch.linalg.matrix_exp(_cross_matrix(step[:, :3])) @ state.rotation,
        translation=state.translation + step[:, 3:6],
        units=(state.units + step[:, POSE:]).clamp(0, 1),
    )


def _pulls(model: PointModel, seen: Observed, state: State, settings: FitSettings, *, robust: bool) -> _Pulls:
    # The first step is plain least squares: from a start that is off as a whole, nothing is an outlier.
    turned = model.shape(state.identity, state.units) @ state.rotation.transpose(1, 2)  # (T, N, 3)
    x, y, z = (turned + state.translation[:, None]).unbind(dim=-1)
    depth = CAMERA_DISTANCE - z
    scale = FOCAL / depth
    mean_scale = scale.mean(dim=1, keepdim=True)
    across, up = scale * x - seen.points[..., 0], scale * y - seen.points[..., 1]
    away = mean_scale * depth - seen.points[..., 2]
    away = away - away.mean(dim=1, keepdim=True)
    weight = _shown(model, state.rotation, settings.hidden)
    if robust:
        weight = weight / (1 + (across.square() + up.square()) / (settings.robust * settings.point_px) ** 2)
    weight = weight.sqrt()
    in_plane, in_depth = weight / settings.point_px, weight / settings.depth_px
    residual = torch.stack([in_plane * across, in_plane * up, in_depth * away], dim=-1)
    by_place = x.new_zeros(*x.shape, 3, 3)
    by_place[..., 0, 0] = by_place[..., 1, 1] = in_plane * scale
    by_place[..., 0, 2] = in_plane * scale * x / depth
    by_place[..., 1, 2] = in_plane * scale * y / depth
    by_place[..., 2, 2] = -in_depth * mean_scale
    return _Pulls(residual, by_place, in_depth, turned)


def _shown(model: PointModel, rotation: Tensor, hidden: float) -> Tensor:
    """(T, N) weights: 1 for a point that looks at the camera, `hidden` where it looks away."""
    facing = rotation[:, 2] @ model.normals.T  # cosine of the angle to the camera's axis
    return hidden + (1 - hidden) * ((facing + 0.1) / 0.4).clamp(0, 1)


def _downhill(modes: Tensor, pulls: _Pulls, state: State) -> Tensor:
    """(T, 7 + K): minus the gradient for the frame's unknowns and K modes (K, N, 3)."""
    force = -(pulls.residual[..., None, :] @ pulls.by_place)[..., 0, :]  # (T, N, 3)
    shift = force.sum(dim=1)
    shift[:, 2] = -(pulls.residual[..., :2] * pulls.by_place[..., :2, 2]).sum(dim=(1, 2))  # as in _jacobian
    parts = (
        torch.linalg.cross(pulls.turned, force).sum(dim=1),
        shift,
        -(pulls.residual[..., 2] * pulls.by_origin).sum(dim=1, keepdim=True),
        (force @ state.rotation).flatten(1) @ modes.flatten(1).T,
    )
    return torch.cat(parts, dim=1)


def _hessian(thinned: Tensor, pulls: _Pulls, state: State, stride: int) -> Tensor:
    """(T, P, P), of every n-th point, times n: the gradient is exact, so this only steers the way there."""
    jacobian = _jacobian(thinned, _Pulls(*(values[:, ::stride] for values in pulls)), state)
    return stride * (jacobian.transpose(1, 2) @ jacobian)


def _jacobian(modes: Tensor, pulls: _Pulls, state: State) -> Tensor:
    """(T, 3 N, 7 + K): the residuals by the frame's unknowns and K modes (K, N, 3)."""
    frames, points = pulls.turned.shape[:2]
    by_shape = pulls.by_place @ state.rotation[:, None]  # (T, N, 3, 3)
    jacobian = modes.new_zeros(frames, points, 3, POSE + len(modes))
    jacobian[..., :3] = pulls.by_place @ -_cross_matrix(pulls.turned)
    jacobian[..., 3:6] = pulls.by_place
    # The origin of depth goes along with the translation: else the two do the same to depth, and in float32 the
    # equations of some frames have no solution.
    jacobian[..., 2, 5] = 0
    jacobian[..., 2, 6] = pulls.by_origin
    # One product per point, (3 T, 3) @ (3, K), is several times as fast as one per point and frame.
    moved = by_shape.transpose(0, 1).reshape(points, 3 * frames, 3) @ modes.permute(1, 2, 0)
    jacobian[..., POSE:] = moved.view(points, frames, 3, -1).transpose(0, 1)
    return jacobian.flatten(1, 2)


def _believe_scores(step: _Step, seen: Observed, state: State, settings: FitSettings) -> None:
    """Adds the prior of the expression units about their scores."""
    belief = settings.score**-2
    step.hessian.diagonal(dim1=1, dim2=2)[:, POSE:FRAME] += belief
    step.downhill[:, POSE:FRAME] += belief * (seen.scores - state.units)


def _held(step: _Step, state: State) -> Tensor:
    """(T, P): units that stand at a bound and want to leave [0, 1] (projected Newton)."""
    wish = step.downhill[:, POSE:FRAME]
    held = torch.zeros_like(step.downhill, dtype=torch.bool)
    held[:, POSE:FRAME] = ((state.units <= 0) & (wish < 0)) | ((state.units >= 1) & (wish > 0))
    return held


def _without(step: _Step, held: Tensor) -> _Step:
    """The same equations for the unknowns that are not held; the others do not move."""
    free = (~held).to(step.downhill)
    hessian = step.hessian * free[:, :, None] * free[:, None, :]
    hessian.diagonal(dim1=1, dim2=2).add_(1 - free)
    return _Step(hessian, step.downhill * free)


def _bounded(step: _Step, state: State) -> Tensor:
    """(T, 58), the step within the bounds: what would pass one is stopped there, and the others are solved again.

    A frame whose equations have no solution stays where it is: such landmarks are no face, and `misfit` says so.
    """
    held = _held(step, state)
    stopped = torch.zeros_like(step.downhill)
    change = stopped
    for _ in range(_BOUND_ROUNDS):
        rest = _Step(step.hessian, step.downhill - (step.hessian @ stopped[..., None])[..., 0])
        hessian, downhill = _without(rest, held)
        factor, unsolvable = torch.linalg.cholesky_ex(hessian)
        solved = torch.cholesky_solve(downhill[..., None], factor)[..., 0]
        change = stopped + torch.where(unsolvable[:, None] > 0, 0, solved)
        units = state.units + change[:, POSE:]
        beyond = (units < 0) | (units > 1)
        stopped[:, POSE:] = torch.where(beyond | held[:, POSE:], units.clamp(0, 1) - state.units, 0)
        held[:, POSE:] |= beyond
    return change


def _cross_matrix(vectors: Tensor) -> Tensor:
    """(..., 3, 3): the matrix whose product with w is the cross product of a vector (..., 3) with w."""
    x, y, z = vectors.unbind(dim=-1)
    zero = torch.zeros_like(x)
    rows = ((zero, -z, y), (z, zero, -x), (-y, x, zero))
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
