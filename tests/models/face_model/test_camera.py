"""The camera against a computation in float64, written out here from the method's formulas."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from reenactory.models.face_mesh import pose
from reenactory.models.face_model.camera import (
    aligned_camera,
    picture_camera,
    project,
    rotate,
    rotation_from_angles,
    to_camera,
)

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def elementary(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """Rz Ry Rx from three matrices, each typed by hand."""
    x = [[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]]
    y = [[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]]
    z = [[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]]
    return np.array(z) @ np.array(y) @ np.array(x)


def scene(batch: int = 4, vertices: int = 50) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(1)
    return (
        chance.uniform(-1, 1, (batch, vertices, 3)),
        chance.uniform(-0.8, 0.8, (batch, 3)),
        chance.uniform(-0.5, 0.5, (batch, 3)),
    )


def view(dtype: torch.dtype) -> torch.Tensor:
    return to_camera(*(torch.tensor(values, dtype=dtype) for values in scene()))


@DTYPES
def test_rotation_equals_three_turns_and_the_numpy_one(dtype: torch.dtype) -> None:
    angles = scene()[1]
    got = rotation_from_angles(torch.tensor(angles, dtype=dtype))
    assert got.dtype == dtype
    np.testing.assert_allclose(got, np.stack([elementary(*row) for row in angles]), atol=1e-6)
    np.testing.assert_allclose(torch.linalg.det(got), np.ones(4), atol=1e-5)
    if dtype == torch.float64:
        np.testing.assert_allclose(got, pose.rotation_from_angles(angles), atol=1e-15)


def test_zero_angles_turn_nothing() -> None:
    assert torch.equal(rotation_from_angles(torch.zeros(3)), torch.eye(3))


@DTYPES
def test_the_224_frame_vertex_by_vertex(dtype: torch.dtype) -> None:
    vertices, angles, translation = scene()
    camera_points = view(dtype)
    got = project(camera_points, aligned_camera(camera_points))
    for item in range(len(vertices)):
        for vertex in range(vertices.shape[1]):
            x, y, z = elementary(*angles[item]) @ vertices[item, vertex] + translation[item]
            depth = 10 - z
            expected = [1015 * x / depth + 112, 224 - (1015 * y / depth + 112), depth]
            np.testing.assert_allclose(got[item, vertex], expected, rtol=1e-5, atol=1e-5)


def test_the_origin_falls_on_the_middle_of_the_frame() -> None:
    nothing = torch.zeros(1, 3)
    points = to_camera(torch.zeros(1, 1, 3), nothing, nothing)
    assert project(points, aligned_camera(points)).tolist() == [[[112.0, 112.0, 10.0]]]


CROPS = [(1.0, 112.0, 112.0), (0.7731, 140.3, 121.9), (1.9, 88.2, 160.4), (0.31, 300.1, 95.7)]


def by_hand(point: Sequence[float], crop: Sequence[float], size: tuple[int, int]) -> tuple[float, float]:
    """Project into the 224 frame, put that frame into the resized picture, and scale the picture back."""
    (height, width), (scale, tx, ty) = size, (float(np.float32(value)) for value in crop)
    resized_width, resized_height = int(width * scale), int(height * scale)
    left = int(resized_width / 2 - 112 + (tx - width / 2) * scale)
    up = int(resized_height / 2 - 112 + (height / 2 - ty) * scale)
    u, v_up = 1015 * point[0] / point[2] + 112, 1015 * point[1] / point[2] + 112
    return (u + left) * width / resized_width, (224 - v_up + up) * height / resized_height


@DTYPES
@pytest.mark.parametrize("size", [(256, 256), (480, 641)])
def test_the_whole_picture(dtype: torch.dtype, size: tuple[int, int]) -> None:
    points = view(dtype)
    got = project(points, picture_camera(torch.tensor(CROPS, dtype=dtype), size))
    exact = view(torch.float64).numpy()
    expected = np.array([[by_hand(point, crop, size) for point in exact[i]] for i, crop in enumerate(CROPS)])
    np.testing.assert_allclose(got[..., :2], expected, rtol=1e-5, atol=1e-4 if dtype == torch.float32 else 1e-9)
    assert torch.equal(got[..., 2], points[..., 2])


def test_a_picture_that_is_the_frame_has_the_frames_camera() -> None:
    crop = torch.tensor([[1.0, 112.0, 112.0]])
    for mine, standard in zip(picture_camera(crop, (224, 224)), aligned_camera(crop), strict=True):
        assert torch.equal(mine, standard)


def test_a_frame_without_a_face_is_nan_and_leaves_the_others_alone() -> None:
    crops = torch.tensor([CROPS[1], (float("nan"),) * 3])
    both = picture_camera(crops, (256, 256))
    alone = picture_camera(crops[:1], (256, 256))
    assert torch.equal(both.focal[:1], alone.focal) and torch.equal(both.centre[:1], alone.centre)
    assert both.focal[1].isnan().all() and both.centre[1].isnan().all()


def test_projection_has_a_gradient() -> None:
    vertices, angles, translation = (torch.tensor(values, requires_grad=True) for values in scene(2, 3))
    points = to_camera(vertices, angles, translation)
    camera = picture_camera(torch.tensor(CROPS[:2], dtype=torch.float64), (256, 256))
    assert torch.autograd.gradcheck(
        lambda v, a, t: project(to_camera(v, a, t), camera), (vertices, angles, translation), atol=1e-4
    )
    assert points.requires_grad


def test_shapes_are_checked_at_the_door() -> None:
    with pytest.raises(ValueError, match=r"vectors: expected \(B, V, 3\), got \(5, 3\)"):
        rotate(torch.zeros(5, 3), torch.zeros(5, 3))
    with pytest.raises(ValueError, match=r"crop: expected \(B, 3\), got \(3,\)"):
        picture_camera(torch.zeros(3), (256, 256))
