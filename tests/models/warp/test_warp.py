"""Golden checks of the warp on a synthetic head: a planar embedding of the face's topology on an ellipsoid."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from reenactory.models.face_mesh import topology as t
from reenactory.models.face_mesh.pose import rotation_from_angles
from reenactory.models.warp.background import inpaint_background
from reenactory.models.warp.flow import backward_flow
from reenactory.models.warp.mesh import VERTEX_COUNT, move_mesh
from reenactory.models.warp.motion import Motion
from reenactory.models.warp.retarget import choose_reference, retarget
from reenactory.models.warp.warp import WarpState, animate, prepare

SIDE = 128
Floats = NDArray[np.float32]


def head_points() -> Floats:
    """(478, 3): inner points amid their neighbours (Tutte), the oval on an ellipse, an ellipsoid's depth."""
    whole = np.concatenate([t.FACE_TRIANGLES, t.RIGHT_EYE_TRIANGLES, t.LEFT_EYE_TRIANGLES, t.MOUTH_TRIANGLES])
    system = np.zeros((468, 468))
    for a, b, c in whole:
        system[[a, b, b, c, c, a], [b, a, c, b, a, c]] = -1
    np.fill_diagonal(system, -system.sum(axis=1))
    right = np.zeros((468, 2))
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    system[t.FACE_OVAL] = np.eye(468)[t.FACE_OVAL]
    right[t.FACE_OVAL] = np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    flat = np.linalg.solve(system, right)
    irises = [np.repeat(flat[[a, b]].mean(axis=0)[None], 5, axis=0) for a, b in ((33, 133), (362, 263))]
    flat = np.concatenate([flat, *irises])
    depth = -np.sqrt(np.clip(1 - (flat**2).sum(axis=1), 0, 1))
    return (np.column_stack([flat * [30, 38], 30 * depth]) + np.array([64, 56, 10])).astype(np.float32)


def turned(points: Floats, angles: tuple[float, float, float], shift: tuple[float, float] = (0, 0)) -> Floats:
    """The head rotated around its middle, then moved in the picture."""
    axes = np.array([1, -1, -1])
    middle = np.array([64, 56, 10])
    space = ((points - middle) * axes) @ rotation_from_angles(np.array(angles)).T
    return (space * axes + middle + np.array([*shift, 0])).astype(np.float32)


def source_picture() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    row, column = np.mgrid[:SIDE, :SIDE] + 0.5
    waves = [np.sin(column / 5 + k) * np.cos(row / 7 - k) for k in range(3)]
    picture = (127 + 90 * np.stack(waves, axis=-1)).astype(np.uint8)
    head = ((column - 64) / 40) ** 2 + ((row - 54) / 48) ** 2
    body = np.maximum(np.abs(column - 64) / 55, (118 - row) / 12)
    alpha = np.clip((1.03 - np.minimum(head, body)) / 0.06, 0, 1)
    return picture, (alpha * 255).astype(np.uint8)


def motion(meshes: list[Floats], angles: list[tuple[float, float, float]]) -> Motion:
    rotation = np.stack([rotation_from_angles(np.array(a)) for a in angles]).astype(np.float32)
    return Motion(np.stack(meshes), rotation, np.zeros((len(meshes), 52), np.float32))


@pytest.fixture(scope="module")
def state() -> WarpState:
    picture, alpha = source_picture()
    return prepare(picture, alpha, head_points(), np.eye(3, dtype=np.float32), np.zeros(52, np.float32))


@pytest.fixture(scope="module")
def moving() -> Motion:
    """Still, yawed, pitched and shifted, rolled with an open jaw."""
    head = head_points()
    angles = [(0, 0, 0), (0, 0.25, 0), (0.15, -0.1, 0), (0, 0, 0.1)]
    jaw = head.copy()
    jaw[t.MOUTH_LOWER[1:-1], 1] += 6
    meshes = [head, turned(head, angles[1]), turned(head, angles[2], (5, 3)), turned(jaw, angles[3])]
    return motion(meshes, angles)


def flow_of(state: WarpState, driving: Motion) -> torch.Tensor:
    points, rotation, _ = (torch.from_numpy(value) for value in driving)
    target = retarget(state.posed, points, rotation, 0)
    return backward_flow(state.mesh, move_mesh(state.mesh, target), (SIDE, SIDE)).backward


def test_driver_equal_to_source_gives_the_source(state: WarpState) -> None:
    driving = motion([head_points()], [(0, 0, 0)])
    picture, alpha = source_picture()
    assert flow_of(state, driving).abs().max() < 0.02
    frame = animate(state, driving)[0].permute(1, 2, 0).numpy() * 255
    inside = alpha > 250
    error = ((frame - picture)[inside] ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 35


def test_self_reenactment_reproduces_the_drivers_mesh(state: WarpState, moving: Motion) -> None:
    points, rotation, _ = (torch.from_numpy(value) for value in moving)
    target = retarget(state.posed, points, rotation, 0)
    assert (target.points - points)[:, :468].abs().max() < 0.01


@pytest.mark.parametrize("shift", [(6.0, 0.0), (0.0, -4.0), (-3.0, 5.0)])
def test_translation_moves_the_face_by_as_much(state: WarpState, shift: tuple[float, float]) -> None:
    head = head_points()
    flow = flow_of(state, motion([head, turned(head, (0, 0, 0), shift)], [(0, 0, 0)] * 2))[1]
    middle = flow[46 + round(shift[1]) : 66 + round(shift[1]), 54 + round(shift[0]) : 74 + round(shift[0])]
    torch.testing.assert_close(middle, torch.tensor([-shift[0], -shift[1]]).expand_as(middle), atol=0.02, rtol=0)


def test_shoulders_and_background_stand_still(state: WarpState, moving: Motion) -> None:
    frames = animate(state, moving)
    assert (frames[:, :, -4:] - frames[:1, :, -4:]).abs().max() < 0.08  # the picture's lower border
    corners = torch.cat((frames[:, :, :12, :8], frames[:, :, :12, -8:]), dim=-1)
    assert (corners - corners[:1]).abs().max() < 1e-5


def test_every_pixel_is_covered_and_finite(state: WarpState, moving: Motion) -> None:
    frames = animate(state, moving)
    assert frames.shape == (4, 3, SIDE, SIDE)
    assert torch.isfinite(frames).all() and frames.min() >= 0 and frames.max() <= 1
    assert state.mesh.points.shape == (VERTEX_COUNT, 3)


def test_batch_equals_singles(state: WarpState, moving: Motion) -> None:
    points, rotation, _ = (torch.from_numpy(value) for value in moving)
    target = retarget(state.posed, points, rotation, 0)
    moved = move_mesh(state.mesh, target)
    together = backward_flow(state.mesh, moved, (SIDE, SIDE)).backward
    for index in range(len(moved)):
        single = backward_flow(state.mesh, moved[index : index + 1], (SIDE, SIDE)).backward
        assert torch.equal(single[0], together[index])


def test_missing_faces_are_nan_and_do_not_touch_the_others(state: WarpState, moving: Motion) -> None:
    broken = Motion(*(np.concatenate([value[:2], np.full_like(value[:1], np.nan), value[2:]]) for value in moving))
    frames = animate(state, broken)
    assert torch.isnan(frames[2]).all()
    assert torch.equal(frames[[0, 1, 3, 4]], animate(state, moving))
    assert torch.isnan(animate(state, Motion(*(np.full_like(value, np.nan) for value in moving)))).all()


def test_opening_mouth_turns_dark_inside(state: WarpState, moving: Motion) -> None:
    head = head_points()
    jaw = head.copy()
    jaw[[*t.MOUTH_LOWER[1:-1], 17, 84, 314, 16, 15, 85, 315], 1] += 14
    frames = animate(state, motion([head, jaw], [(0, 0, 0)] * 2))
    column, row = (jaw[13, :2] + jaw[14, :2]) / 2
    assert frames[1, :, int(row), int(column)].max() < 0.35


def test_lids_close_although_the_sources_eyes_are_larger(state: WarpState) -> None:
    driver = head_points()
    for upper, lower in ((t.RIGHT_EYE_UPPER, t.RIGHT_EYE_LOWER), (t.LEFT_EYE_UPPER, t.LEFT_EYE_LOWER)):
        middle = (driver[upper] + driver[lower]) / 2
        driver[upper], driver[lower] = ((driver[c] - middle) * 0.8 + middle for c in (upper, lower))
    shut = driver.copy()
    for upper, lower in ((t.RIGHT_EYE_UPPER, t.RIGHT_EYE_LOWER), (t.LEFT_EYE_UPPER, t.LEFT_EYE_LOWER)):
        shut[upper] = shut[lower] = (driver[upper] + driver[lower]) / 2
    points = torch.from_numpy(np.stack([driver, shut]))
    target = retarget(state.posed, points, torch.eye(3).expand(2, 3, 3), 0)
    gap = (target.points[1, t.RIGHT_EYE_UPPER] - target.points[1, t.RIGHT_EYE_LOWER])[:, 1].abs().max()
    before = (target.points[0, t.RIGHT_EYE_UPPER] - target.points[0, t.RIGHT_EYE_LOWER])[:, 1].abs().max()
    assert gap < 0.1 * before


def test_reference_is_the_frame_most_like_the_source() -> None:
    angles = [(0, 0.4, 0), (0, 0.05, 0), (0.3, 0, 0)]
    rotation = torch.from_numpy(np.stack([rotation_from_angles(np.array(a)) for a in angles])).float()
    scores = torch.zeros(3, 52)
    assert choose_reference(torch.zeros(52), torch.eye(3), scores, rotation) == 1
    scores[1, 9] = 1.0  # it blinks
    rotation[2] = torch.from_numpy(rotation_from_angles(np.array((0.1, 0, 0)))).float()
    assert choose_reference(torch.zeros(52), torch.eye(3), scores, rotation) == 2


def test_background_keeps_what_is_seen_and_hides_the_person() -> None:
    picture = torch.full((3, 64, 64), 0.25)
    alpha = torch.zeros(64, 64)
    alpha[20:64, 20:44] = 1
    picture[:, alpha > 0] = 1.0
    filled = inpaint_background(picture, alpha)
    torch.testing.assert_close(filled, torch.full_like(filled, 0.25), atol=1e-4, rtol=0)


def test_a_source_without_a_face_is_refused() -> None:
    picture, alpha = source_picture()
    lost = np.full((478, 3), np.nan, np.float32)
    with pytest.raises(ValueError, match="no face"):
        prepare(picture, alpha, lost, np.eye(3, dtype=np.float32), np.zeros(52, np.float32))
