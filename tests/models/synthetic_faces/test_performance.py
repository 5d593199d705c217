"""What synthetic people do: within the units' range, smooth, on both sides, and never twice the same."""

import numpy as np

from reenactory.models.face_model.open_shape import EXPRESSION_UNITS
from reenactory.models.synthetic_faces.noise import over_space, over_time, smoothstep
from reenactory.models.synthetic_faces.performance import Performance, _blinks, _pattern, perform

MANY = [perform(np.random.default_rng(seed), 50, 25.0) for seed in range(40)]


def unit(performance: Performance, name: str) -> np.ndarray:
    return performance.expression[:, EXPRESSION_UNITS.index(name)]


def test_units_are_units_and_heads_stay_where_a_camera_sees_the_face() -> None:
    for played in MANY:
        assert played.expression.shape == (50, 64) and played.angles.shape == played.sway.shape == (50, 3)
        assert played.expression.min() >= 0 and played.expression.max() <= 1
        assert (np.abs(np.degrees(played.angles)) < (28, 48, 25)).all()
        unused = [i for i in range(64) if i >= len(EXPRESSION_UNITS) or not EXPRESSION_UNITS[i]]
        assert not played.expression[:, unused].any()


def test_motion_is_smooth() -> None:
    """No head turns faster than 300 degrees a second, and no jaw drops within one frame."""
    assert max(np.abs(np.diff(np.degrees(played.angles), axis=0)).max() for played in MANY) < 12
    assert max(np.abs(np.diff(unit(played, "jawOpen"))).max() for played in MANY) < 0.5


def test_people_talk_blink_and_differ() -> None:
    assert sum(unit(played, "jawOpen").max() > 0.2 for played in MANY) > 20
    assert 10 < sum(unit(played, "eyeBlinkLeft").max() > 0.7 for played in MANY) < 40
    yaw = np.degrees([played.angles[:, 1].mean() for played in MANY])
    assert 7 < yaw.std() < 20
    every = np.concatenate([played.expression for played in MANY])
    assert (every.std(axis=0)[1:53] > 0.001).sum() >= 45  # nearly all units are used
    assert not np.array_equal(MANY[0].expression, MANY[1].expression)


def test_both_eyes_look_to_the_same_side() -> None:
    for played in MANY:
        out_left, in_left = unit(played, "eyeLookOutLeft"), unit(played, "eyeLookInLeft")
        np.testing.assert_allclose(out_left, unit(played, "eyeLookInRight"), atol=1e-9)
        np.testing.assert_allclose(in_left, unit(played, "eyeLookOutRight"), atol=1e-9)
        assert not (out_left * in_left).any()


def test_a_blink_closes_quickly_and_opens_again() -> None:
    closed = np.concatenate([_blinks(np.random.default_rng(seed), np.arange(2500) / 25) for seed in range(4)])
    assert closed.min() == 0 and 0.9 < closed.max() <= 1
    assert 0.03 < (closed > 0.5).mean() < 0.2


def test_a_name_without_a_side_is_both() -> None:
    pattern = _pattern({"mouthSmile": 0.5, "jawOpen": 0.2, "mouthLeft": 0.1})
    named = {EXPRESSION_UNITS[i]: pattern[i] for i in np.flatnonzero(pattern)}
    assert named == {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5, "jawOpen": 0.2, "mouthLeft": 0.1}


def test_noise_has_the_variance_and_the_scale_it_says() -> None:
    draw = np.random.default_rng(0)
    curves = over_time(draw, np.arange(20000) / 25, 8, 0.2, 1.0)
    assert abs(curves.mean()) < 0.05 and 0.9 < curves.std() < 1.1
    points = draw.uniform(-10, 10, (4000, 3))
    field = over_space(np.random.default_rng(1), points, 0.5)
    near, far = (over_space(np.random.default_rng(1), points + distance, 0.5) for distance in (0.03, 1.2))
    assert 0.7 < field.std() < 1.3
    assert np.corrcoef(field, near)[0, 1] > 0.95 and abs(np.corrcoef(field, far)[0, 1]) < 0.5
    assert smoothstep(np.array([-1.0, 0.5, 2.0]), 0, 1).tolist() == [0, 0.5, 1]
    assert smoothstep(np.array([-1.0, 0.25, 2.0]), 1, 0).tolist() == [1, 0.84375, 0]
