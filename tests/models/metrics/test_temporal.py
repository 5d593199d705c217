"""Metrics over time against loops in float64, and what they say of motion that was put in."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from reenactory.models.metrics.temporal import flicker, landmark_jitter, mouth_opening, mouth_sync

Points = NDArray[np.float64]


@pytest.fixture
def face() -> Points:
    """(68, 2): no two points alike, eyes and lips where their indices want them."""
    points = np.random.default_rng(0).uniform(60, 200, (68, 2))
    points[[36, 45]] = (80, 100), (176, 100)
    points[[62, 66]] = (128, 170), (128, 180)
    return points


def moved(face: Points, angle: float, scale: float, shift: tuple[float, float]) -> Points:
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return face @ turn.T + np.array(shift)


def naive_bend(points: Points, t: int) -> float:
    """|p(t+1) - 2 p(t) + p(t-1)| after each neighbour was fitted to frame t by a linear least-squares problem."""
    fitted = []
    for other in (points[t - 1], points[t + 1]):
        rows, wanted = [], []
        for (x, y), (u, v) in zip(other, points[t], strict=True):
            rows += [[x, -y, 1, 0], [y, x, 0, 1]]
            wanted += [u, v]
        a, b, c, d = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]
        fitted.append([(a * x - b * y + c, b * x + a * y + d) for x, y in other])
    total = 0.0
    for before, now, after in zip(fitted[0], points[t], fitted[1], strict=True):
        total += math.dist((before[0] + after[0], before[1] + after[1]), (2 * now[0], 2 * now[1]))
    return 100 * total / 68 / math.dist(points[t, 36], points[t, 45])


def test_jitter_equals_a_loop(face: Points) -> None:
    rng = np.random.default_rng(1)
    made, wanted = face + rng.normal(0, 2, (7, 68, 2)), face + rng.normal(0, 1, (7, 68, 2))
    made[5] = np.nan
    expected = np.mean([naive_bend(made, t) - naive_bend(wanted, t) for t in (1, 2, 3)])
    assert landmark_jitter(made, wanted) == pytest.approx(expected, rel=1e-9)


def test_a_head_that_moves_as_a_whole_does_not_jitter(face: Points) -> None:
    rng = np.random.default_rng(2)
    shaking = np.stack(
        [moved(face, *rng.uniform((-0.2, 0.8), (0.2, 1.2)), tuple(rng.uniform(-9, 9, 2))) for _ in "abcde"]
    )
    assert landmark_jitter(shaking, np.repeat(face[None], 5, axis=0)) == pytest.approx(0.0, abs=1e-9)


def test_jitter_needs_three_frames_in_a_row(face: Points) -> None:
    points = np.repeat(face[None], 5, axis=0)
    points[2] = np.nan
    assert math.isnan(landmark_jitter(points, points))
    assert math.isnan(landmark_jitter(points[:2], points[:2]))


def test_flicker_equals_a_loop_over_valid_steps() -> None:
    made, driving = np.random.default_rng(3).integers(0, 256, (2, 6, 9, 7, 3), dtype=np.uint8)
    valid = np.array([True, True, False, True, True, True])
    steps = [(0, 1), (3, 4), (4, 5)]
    expected = np.mean(
        [
            np.abs(made[a].astype(float) - made[b]).mean() - np.abs(driving[a].astype(float) - driving[b]).mean()
            for a, b in steps
        ]
    )
    assert flicker(made, driving, valid) == pytest.approx(expected, abs=1e-10)
    assert flicker(driving, driving, valid) == 0.0
    assert flicker(driving[:1].repeat(6, axis=0), driving, valid) < 0  # a still picture is too still
    assert math.isnan(flicker(made, driving, np.array([True, False] * 3)))


def talking(face: Points, openings: NDArray[np.float64]) -> Points:
    points = np.repeat(face[None], len(openings), axis=0)
    points[:, 66, 1] = points[:, 62, 1] + 96 * openings
    return points


def test_mouth_opening_is_the_gap_in_eye_distances(face: Points) -> None:
    openings = np.array([0.0, 0.1, 0.25])
    np.testing.assert_allclose(mouth_opening(talking(face, openings)), openings, atol=1e-12)


def test_sync_is_the_correlation_of_openings(face: Points) -> None:
    rng = np.random.default_rng(4)
    wanted, made = rng.uniform(0, 0.4, (2, 20))
    points = talking(face, made)
    points[7] = np.nan
    kept = np.arange(20) != 7
    a, b = made[kept] - made[kept].mean(), wanted[kept] - wanted[kept].mean()
    expected = (a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum())
    assert mouth_sync(points, talking(face, wanted)) == pytest.approx(expected, rel=1e-9)
    assert mouth_sync(talking(face, 0.5 * wanted + 0.1), talking(face, wanted)) == pytest.approx(1.0)


def test_sync_of_what_keeps_still(face: Points) -> None:
    wanted = np.random.default_rng(5).uniform(0, 0.4, 20)
    still = talking(face, np.full(20, 0.1))
    assert mouth_sync(still, talking(face, wanted)) == 0.0  # the render's fault
    assert math.isnan(mouth_sync(talking(face, wanted), still))  # the driver says nothing
    assert math.isnan(mouth_sync(talking(face, wanted[:7]), talking(face, wanted[:7])))


@pytest.mark.parametrize("metric", [landmark_jitter, mouth_sync])
def test_wrong_points_are_refused(metric, face: Points) -> None:
    with pytest.raises(ValueError, match="T, 68, 2"):
        metric(face, face)
