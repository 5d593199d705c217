"""From face3d's columns to pictures: which rows are understood, and what becomes of frames without a face."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from painted_head import SIDE, motion, units, waves

from reenactory.models.renderers.protocol import Driving, Face, Source
from reenactory.models.renderers.warp import MODEL, WarpRenderer
from reenactory.models.warp.coefficients import Coefficients
from reenactory.models.warp.face import WarpFace
from reenactory.models.warp.warp import WarpState

ANGLES = [(0.0, 0.0, 0.0), (0.05, 0.2, 0.0), (0.0, -0.15, 0.1)]


@pytest.fixture(scope="module")
def renderer(weight: Callable[[str], Path]) -> WarpRenderer:
    return WarpRenderer("cpu", {MODEL: str(weight(MODEL))})


def rows(motion: Coefficients) -> Face:
    """As the `open` extractor stores them."""
    count = len(motion.angles)
    landmarks = np.zeros((count, 68, 2), np.float32)
    parts = (motion.expression, motion.angles, motion.translation, motion.crop)
    identity = np.zeros((count, 80), np.float32)
    exp, angles, trans, crop = (values.numpy() for values in parts)
    return Face(motion.size, motion.points.numpy(), identity, exp, angles, trans, crop, landmarks)


def landmarkers(face: Face) -> Face:
    """The same frames as the `mediapipe` extractor stores them: another rotation and place, no identity."""
    nothing = np.full_like(face.id, np.nan)
    return face._replace(id=nothing, angles=face.angles + np.float32(0.03), trans=np.zeros_like(face.trans))


def state_of(renderer: WarpRenderer, face: Face) -> WarpState:
    one = Face(face.size, *(values[:1] for values in face[1:]))
    return renderer.prepare(Source(*waves(), one))


def test_frames_without_a_face_are_nan_and_do_not_touch_the_others(renderer: WarpRenderer, warp_face: WarpFace) -> None:
    face = rows(motion(warp_face, ANGLES))
    state = state_of(renderer, face)
    whole = renderer.animate(state, Driving(3, face, None))
    lost = [np.concatenate([values[:2], np.full_like(values[:1], np.nan), values[2:]]) for values in face[1:]]
    frames = renderer.animate(state, Driving(4, Face(face.size, *lost), None))
    assert np.isnan(frames[2]).all()
    np.testing.assert_array_equal(frames[[0, 1, 3]], whole)
    none = Face(face.size, *(np.full_like(values, np.nan) for values in face[1:]))
    assert np.isnan(renderer.animate(state, Driving(3, none, None))).all()


def test_a_fit_that_failed_on_a_face_is_no_face(renderer: WarpRenderer, warp_face: WarpFace) -> None:
    face = rows(motion(warp_face, ANGLES))
    for values in (face.id, face.exp, face.angles, face.trans):
        values[1] = np.nan  # the landmarks are there, but the model cannot make them
    frames = renderer.animate(state_of(renderer, face), Driving(3, face, None))
    assert [bool(np.isnan(frame).any()) for frame in frames] == [False, True, False]


def test_rows_of_the_landmarker_give_the_pictures_of_the_fit(renderer: WarpRenderer, warp_face: WarpFace) -> None:
    face = rows(motion(warp_face, ANGLES, units(mouthSmileLeft=0.4, mouthSmileRight=0.4)))
    expected = renderer.animate(state_of(renderer, face), Driving(3, face, None))
    fitted = landmarkers(face)
    frames = renderer.animate(state_of(renderer, fitted), Driving(3, fitted, None))
    middle = slice(SIDE // 4, 3 * SIDE // 4)
    difference = (frames - expected)[:, :, middle, middle]
    assert 10 * np.log10(1 / np.square(difference).mean()) > 20


def test_a_driver_in_a_larger_picture_moves_the_source_alike(renderer: WarpRenderer, warp_face: WarpFace) -> None:
    moving = motion(warp_face, ANGLES)
    face = rows(moving)
    state = state_of(renderer, face)
    ratio = np.float32(2)
    crop = face.crop * np.array([1 / ratio, ratio, ratio], np.float32)
    larger = face._replace(size=(2 * SIDE, 2 * SIDE), mesh=face.mesh * ratio, crop=crop)
    frames = renderer.animate(state, Driving(3, larger, None))
    assert np.abs(frames - renderer.animate(state, Driving(3, face, None))).mean() < 0.01
