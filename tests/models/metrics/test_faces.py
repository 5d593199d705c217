"""Motion errors against loops, and what NaN does."""

import math

import numpy as np
import pytest

from reenactory.models.metrics.faces import aed_l1, aed_l2, akd, apd_l1_angles, apd_l1_pose6, apd_l2_angles

CASES = [
    (aed_l1, (64,), "mean"),
    (aed_l2, (64,), "norm"),
    (apd_l1_angles, (3,), "mean"),
    (apd_l2_angles, (3,), "norm"),
    (apd_l1_pose6, (6,), "mean"),
    (akd, (68, 2), "mean"),
]


@pytest.mark.parametrize(("metric", "item", "kind"), CASES)
def test_equals_a_loop_and_keeps_nan(metric, item: tuple[int, ...], kind: str) -> None:
    rng = np.random.default_rng(3)
    generated, target = rng.normal(0, 0.5, (2, 6, *item)).astype(np.float32)
    generated[1] = np.nan
    target[4] = np.nan
    values = metric(generated, target)
    assert values.dtype == np.float64
    for frame, value in enumerate(values):
        gaps = [float(a) - float(b) for a, b in zip(generated[frame].flat, target[frame].flat, strict=True)]
        if frame in (1, 4):
            assert math.isnan(value)
        elif kind == "mean":
            assert value == pytest.approx(sum(map(abs, gaps)) / len(gaps), rel=1e-12)
        else:
            assert value == pytest.approx(math.sqrt(sum(gap * gap for gap in gaps)), rel=1e-12)


def test_angles_go_the_short_way_round() -> None:
    near, far = np.array([[3.1, 0.0, 0.0]]), np.array([[-3.1, 0.0, 0.0]])
    assert apd_l2_angles(near, far)[0] == pytest.approx(2 * math.pi - 6.2)
    assert apd_l1_angles(near, far)[0] == pytest.approx((2 * math.pi - 6.2) / 3)
    still = np.array([[4.0, 0.0, 0.0]])  # translations are not wrapped
    six = apd_l1_pose6(np.hstack([near, still]), np.hstack([far, -still]))
    assert six[0] == pytest.approx((2 * math.pi - 6.2 + 8.0) / 6)


def test_padding_counts_in_the_mean_of_aed() -> None:
    generated, target = np.zeros((1, 64)), np.zeros((1, 64))
    generated[0, :52] = 1.0
    assert aed_l1(generated, target)[0] == pytest.approx(52 / 64)


@pytest.mark.parametrize(("metric", "item", "kind"), CASES)
def test_wrong_shapes_are_refused(metric, item: tuple[int, ...], kind: str) -> None:
    with pytest.raises(ValueError, match="expected two arrays"):
        metric(np.zeros((2, *item)), np.zeros((3, *item)))
    with pytest.raises(ValueError, match="expected two arrays"):
        metric(np.zeros((2, 5)), np.zeros((2, 5)))
