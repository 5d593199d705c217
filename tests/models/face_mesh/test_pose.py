"""Angles, alignment and translation, against the golden numbers of Deep3DFaceRecon's conventions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from reenactory.models.face_mesh import pose

angle = st.floats(-1.4, 1.4)


@given(pitch=angle, yaw=angle, roll=angle)
def test_rotation_equals_scipy_and_inverts(pitch: float, yaw: float, roll: float) -> None:
    angles = np.array([pitch, yaw, roll])
    matrix = pose.rotation_from_angles(angles)
    np.testing.assert_allclose(matrix, Rotation.from_euler("xyz", angles).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(pose.angles_from_rotation(matrix), angles, atol=1e-9)


@pytest.mark.parametrize(
    ("angles", "nose"), [((0, 0.3, 0), (0.3, 0.0)), ((0.3, 0, 0), (0.0, -0.3))], ids=["yaw right", "pitch down"]
)
def test_signs(angles: tuple[float, float, float], nose: tuple[float, float]) -> None:
    tip = pose.rotation_from_angles(np.array(angles)) @ np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(tip[:2], np.sin(nose), atol=1e-12)


def landmarks_of_five(five: np.ndarray) -> np.ndarray:
    """(T, 68, 2) whose reduction to five points is `five` (T, 5, 2)."""
    result = np.zeros((len(five), 68, 2))
    for point, ids in enumerate(((36, 39), (42, 45), (30,), (48,), (54,))):
        for index in ids:
            result[:, index] = five[:, point]
    return result


def standard_landmarks(scale: float, centre: tuple[float, float], height: int) -> np.ndarray:
    up = np.asarray(centre) + scale * 102 * pose.STANDARD_POINTS[:, :2]
    up[:, 1] = height - 1 - up[:, 1]
    return landmarks_of_five(up[None])


def test_alignment_golden() -> None:
    alignment = pose.align(standard_landmarks(1.0, (112, 112), 224), 224)
    assert alignment.scale[0] == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(alignment.centre[0], (112, 112), atol=1e-4)
    # Crop offset (0, 0): a pixel of the picture is the same pixel of the aligned frame, rows counted upwards.
    aligned = pose.to_aligned(np.array([[[10.0, 20.0]]]), alignment, (224, 224))
    np.testing.assert_allclose(aligned, [[[10.0, 204.0]]], atol=1e-4)


def test_alignment_of_a_larger_face_elsewhere() -> None:
    alignment = pose.align(standard_landmarks(1.7, (150, 260), 400), 400)
    assert alignment.scale[0] == pytest.approx(1 / 1.7, rel=1e-6)
    np.testing.assert_allclose(alignment.centre[0], (150, 260), atol=1e-3)


def test_translation_of_the_standard_face() -> None:
    landmarks = standard_landmarks(1.0, (112, 112), 224)
    alignment = pose.align(landmarks, 224)
    got = pose.translation(landmarks, np.eye(3)[None], alignment, (224, 224))[0]
    # v = 224 - row in the continuous form, row = 223 - v_up in the landmarks: one pixel of 102 to a unit.
    np.testing.assert_allclose(got, (0.0, 1 / 102, 10 - 1015 / 102), atol=1e-4)


def test_frames_without_a_face_are_nan_and_leave_the_others_alone() -> None:
    one = standard_landmarks(1.2, (120, 130), 256)
    both = np.concatenate([one, np.full_like(one, np.nan)])
    alignment = pose.align(both, 256)
    rotation = np.stack([np.eye(3), np.full((3, 3), np.nan)])
    shift = pose.translation(both, rotation, alignment, (256, 256))
    assert np.isfinite(alignment.scale[0]) and np.isnan(alignment.scale[1])
    assert np.isfinite(shift[0]).all() and np.isnan(shift[1]).all()
    assert np.isnan(pose.angles_from_rotation(rotation)[1]).all()
