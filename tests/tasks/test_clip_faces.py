"""Detections of a video carried into a clip, and what the matte is there."""

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from reenactory.tasks import detect
from reenactory.tasks.clip_faces import faces_in_clip
from reenactory.tasks.matte_quality import LOST_FACE, MatteQuality


def detections(*rows: tuple[int, list[float]]) -> pa.Table:
    full = [
        {"frame": frame, "box_ltrb": box, "points": [0.0] * 10, "score": 0.9, "sharpness": 1.0} for frame, box in rows
    ]
    return pa.Table.from_pylist(full, schema=pa.schema([detect.SCHEMA.field(name) for name in full[0]]))


CROP = (100, 50, 300, 250)  # shown at half its size


def test_boxes_are_scaled_into_the_crop_frame_by_frame() -> None:
    table = detections((4, [0, 0, 9, 9]), (5, [150, 100, 250, 200]), (7, [160, 110, 260, 210]))
    found = faces_in_clip(table, 5, 3, CROP, (100, 100))
    np.testing.assert_allclose(found[0], [25, 25, 75, 75])
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[2], [30, 30, 80, 80])


@pytest.mark.parametrize("turned", [False, True])
def test_the_face_nearest_to_the_middle_is_the_clips(turned: bool) -> None:
    rows = [(0, [150.0, 100.0, 250.0, 200.0]), (0, [230.0, 60.0, 300.0, 130.0])]
    found = faces_in_clip(detections(*(rows[::-1] if turned else rows)), 0, 1, CROP, (200, 200))
    np.testing.assert_allclose(found[0], [50, 50, 150, 150])


def test_a_face_beside_the_crop_is_not_its_face() -> None:
    assert np.isnan(faces_in_clip(detections((0, [290, 100, 390, 200])), 0, 1, CROP, (100, 100))).all()


def alphas_and_faces(frames: int = 4) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    alphas = np.zeros((frames, 40, 40), np.uint8)
    alphas[:, 10:30, 10:30] = 255
    return alphas, np.tile(np.float32([10, 10, 30, 30]), (frames, 1))


def test_a_good_matte() -> None:
    quality = MatteQuality.of(*alphas_and_faces())
    assert quality.facts() == {
        "alpha_mean": 0.25,
        "alpha_min": 0.25,
        "alpha_change": 0.0,
        "alpha_soft_max": 0.0,
        "alpha_face_min": 1.0,
        "matte_flag": None,
    }


def test_a_half_transparent_frame_shows_in_its_column() -> None:
    alphas, faces = alphas_and_faces()
    alphas[2, :10, :20] = 128
    assert MatteQuality.of(alphas, faces).facts()["alpha_soft_max"] == 0.125


def test_one_torn_frame_is_flagged_and_named() -> None:
    alphas, faces = alphas_and_faces()
    alphas[2] = 0
    quality = MatteQuality.of(alphas, faces)
    assert (quality.face_min, quality.face_min_frame, quality.flag) == (0.0, 2, LOST_FACE)
    assert (quality.mean, quality.min) == (0.1875, 0.0)
    assert quality.change == pytest.approx(0.25 * 2 / 3, abs=1e-5)


def test_a_frame_without_a_face_says_nothing_about_the_face() -> None:
    alphas, faces = alphas_and_faces()
    alphas[2], faces[2] = 0, np.nan
    assert MatteQuality.of(alphas, faces).flag is None
    nowhere = MatteQuality.of(alphas, np.full_like(faces, np.nan))
    assert (nowhere.face_min, nowhere.flag) == (None, None)


def test_a_face_that_hangs_over_the_edge_is_read_where_it_is_inside() -> None:
    alphas, faces = alphas_and_faces(1)
    faces[0] = [-30, 10, 50, 30]
    assert MatteQuality.of(alphas, faces).face_min == pytest.approx(20 / 31, abs=0.02)
    faces[0] = [-300, -300, -200, -200]
    assert MatteQuality.of(alphas, faces).face_min is None
