"""The fit of points: it gives back what the points were made of."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from reenactory.models.face_fit.point_model import UNIT_COUNT, PointModel
from reenactory.models.face_fit.points_fit import Observed, State, fit_frames, fit_identity
from reenactory.models.face_fit.settings import FitSettings
from reenactory.models.face_model.camera import aligned_camera, project, rotation_from_angles, to_camera
from reenactory.models.face_model.conventions import CENTRE, FRAME_PX
from reenactory.models.face_model.open_model import load_open_model

FRAMES = 10
EXACT = FitSettings(
    point_px=0.02, depth_px=0.2, score=0.5, robust=1e3, identity_steps=12, frame_steps=12, hessian_steps=1,
    hessian_stride=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def points(weight: Callable[[str], Path]) -> PointModel:
    return PointModel.of(load_open_model(weight("open_face_model")))


@pytest.fixture(scope="module")
def fine_points(weight: Callable[[str], Path]) -> PointModel:
    """In float64: with priors as weak as those of EXACT the normal equations need it."""
    return PointModel.of(load_open_model(weight("open_face_model")), torch.float64)


def truth(points: PointModel) -> tuple[State, Tensor]:
    """Faces of one person, turned up to 60 degrees, and their angles."""
    random = torch.Generator().manual_seed(3)
    units = torch.rand(FRAMES, UNIT_COUNT, generator=random)
    units = torch.where(units > 0.7, units - 0.3, 0)  # most faces move few units
    angles = torch.stack([torch.linspace(-a, a, FRAMES).roll(n) for n, a in enumerate((0.3, 1.05, 0.4))], dim=-1)
    shift = 0.2 * torch.randn(FRAMES, 3, generator=random)
    identity = torch.randn(len(points.identity), generator=random)
    angles, shift, units, identity = (values.to(points.mean) for values in (angles, shift, units, identity))
    return State(rotation_from_angles(angles), shift, units, identity), angles


def seen_by_the_camera(points: PointModel, state: State, angles: Tensor) -> Observed:
    """By the house's camera, which the fit does not call."""
    placed = to_camera(points.shape(state.identity, state.units), angles, state.translation)
    uvz = project(placed, aligned_camera(placed))
    depth = uvz[..., 2] * (1015 / uvz[..., 2]).mean(dim=1, keepdim=True) - 1000
    return Observed(torch.stack([uvz[..., 0] - CENTRE, FRAME_PX - uvz[..., 1] - CENTRE, depth], dim=-1), state.units)


def degrees_apart(first: Tensor, second: Tensor) -> Tensor:
    cosine = ((first.transpose(1, 2) @ second).diagonal(dim1=1, dim2=2).sum(dim=1) - 1) / 2
    return torch.rad2deg(cosine.clamp(-1, 1).acos())


def off(points: PointModel, state: State, true: State) -> Tensor:
    """(T, N) distance of the points of two states before the camera, in % of the eye distance."""
    places = [
        points.shape(s.identity, s.units) @ s.rotation.transpose(1, 2) + s.translation[:, None] for s in (state, true)
    ]
    eyes = (points.mean[33] - points.mean[263]).norm()
    return (places[0] - places[1]).norm(dim=-1) / eyes * 100


def test_pose_and_expression_are_those_that_made_the_points(fine_points: PointModel) -> None:
    true, angles = truth(fine_points)
    seen = seen_by_the_camera(fine_points, true, angles)
    wrong = rotation_from_angles(angles + 0.15)
    start = State(wrong, torch.zeros_like(true.translation), torch.zeros_like(true.units), true.identity)
    found = fit_frames(fine_points, seen, start, EXACT)
    assert degrees_apart(found.rotation, true.rotation).max() < 0.02
    assert (found.translation - true.translation).abs().max() < 0.01
    assert off(fine_points, found, true).max() < 0.5
    assert (found.units - true.units).abs().mean() < 0.01


def test_identity_is_the_one_that_made_the_points(fine_points: PointModel) -> None:
    true, angles = truth(fine_points)
    seen = seen_by_the_camera(fine_points, true, angles)
    start = replace(true, rotation=rotation_from_angles(angles + 0.1), identity=torch.zeros_like(true.identity))
    found = fit_identity(fine_points, seen, start, EXACT)
    assert degrees_apart(found.rotation, true.rotation).max() < 0.1
    assert off(fine_points, found, true).mean() < 0.5
    assert torch.corrcoef(torch.stack([found.identity, true.identity]))[0, 1] > 0.95


def test_usual_settings_come_near_too(points: PointModel) -> None:
    """With priors, few steps and thinned Hessians; scores that know nothing."""
    true, angles = truth(points)
    seen = replace(seen_by_the_camera(points, true, angles), scores=torch.zeros_like(true.units))
    start = State(
        rotation_from_angles(angles + 0.05), true.translation + 0.05, seen.scores, torch.zeros_like(true.identity)
    )
    settings = FitSettings()
    start = replace(start, identity=fit_identity(points, seen, start, settings).identity)
    found = fit_frames(points, seen, start, settings)
    assert degrees_apart(found.rotation, true.rotation).max() < 2


def test_few_thinned_steps_end_where_many_full_ones_do(points: PointModel) -> None:
    true, angles = truth(points)
    seen = seen_by_the_camera(points, true, angles)
    random = torch.Generator().manual_seed(0)
    seen = replace(seen, points=seen.points + torch.randn(seen.points.shape, generator=random))
    start = State(rotation_from_angles(angles + 0.05), true.translation + 0.05, seen.scores, true.identity)
    usual = FitSettings()
    quick = fit_frames(points, seen, start, usual)
    slow = fit_frames(points, seen, start, replace(usual, frame_steps=20, hessian_steps=1, hessian_stride=1))
    assert degrees_apart(quick.rotation, slow.rotation).max() < 0.25
    assert off(points, quick, slow).mean() < 0.5


def test_expression_stays_in_its_range_and_far_points_count_little(points: PointModel) -> None:
    true, angles = truth(points)
    seen = seen_by_the_camera(points, true, angles)
    spoiled = seen.points.clone()
    spoiled[:, 100:120, :2] += 40
    found = fit_frames(points, replace(seen, points=spoiled), true, FitSettings())
    assert found.units.min() >= 0
    assert found.units.max() <= 1
    assert degrees_apart(found.rotation, true.rotation).max() < 1.5  # 20 full steps: 0.14; squares alone: 3.4


def test_a_frame_does_not_depend_on_its_neighbours(points: PointModel) -> None:
    true, angles = truth(points)
    seen = seen_by_the_camera(points, true, angles)
    together = fit_frames(points, seen, true, FitSettings())
    few = torch.tensor([1, 4])
    alone = fit_frames(points, seen.only(few), true.only(few), FitSettings())
    torch.testing.assert_close(together.units[few], alone.units, atol=1e-3, rtol=0)
    torch.testing.assert_close(together.rotation[few], alone.rotation, atol=1e-4, rtol=0)
