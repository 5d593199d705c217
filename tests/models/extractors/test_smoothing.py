"""Smoothing over time: what it must take away, and what it must leave."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reenactory.models.extractors.protocol import Fit
from reenactory.models.extractors.smoothing import smoothed

FRAMES = 120
BLINKS = np.array([30, 31, 32, 80, 81])


def clip() -> tuple[Fit, NDArray[np.float64]]:
    """A head that sways, an eye that blinks twice, and noise; with the yaw that has none."""
    chance = np.random.default_rng(4)
    time = np.arange(FRAMES)
    exp = np.zeros((FRAMES, 64))
    exp[:, 9] = 0.1 + 0.02 * chance.normal(size=FRAMES)
    exp[BLINKS, 9] = 0.9
    yaw = 0.3 * np.sin(time / 15)
    angles = np.stack([0 * yaw, yaw, 0 * yaw], axis=1) + 0.005 * chance.normal(size=(FRAMES, 3))
    trans, crop, landmarks = (chance.normal(size=(FRAMES, width)) for width in (3, 3, 136))
    return Fit(*(values.astype(np.float32) for values in (exp, angles, trans, crop, landmarks))), yaw


def bends(curve: NDArray[np.floating]) -> float:
    return float(np.median(np.abs(np.diff(curve, 2))))


def test_jitter_goes_and_the_movement_comes_out_better() -> None:
    fit, yaw = clip()
    for strength, left in ((0.3, 0.6), (1, 0.4), (10, 0.2)):
        found = smoothed(fit, strength)
        assert bends(found.angles[:, 1]) < left * bends(fit.angles[:, 1])
        assert np.abs(found.angles[:, 1] - yaw).mean() < np.abs(fit.angles[:, 1] - yaw).mean()
    assert np.array_equal(found.crop, fit.crop)
    assert np.array_equal(found.landmarks, fit.landmarks)


def test_a_blink_keeps_its_height_and_its_frames() -> None:
    fit, _ = clip()
    found = smoothed(fit, 3)
    assert found.exp[BLINKS, 9].min() > 0.85
    assert found.exp[[28, 34, 78, 83], 9].max() < 0.2


def test_the_curve_is_the_minimum_that_it_claims_to_be() -> None:
    """Against a dense solution of one curve, with the weights as the docstring has them."""
    fit, _ = clip()
    values = fit.trans[:, 0].astype(np.float64)
    differences = np.diff(np.eye(FRAMES), 2, axis=0)
    bend = differences @ values
    weight = (1 + (bend / (3 * 1.4826 * np.median(np.abs(bend)))) ** 2) ** -2.0
    exact = np.linalg.solve(np.eye(FRAMES) + 2 * differences.T @ (weight[:, None] * differences), values)
    np.testing.assert_allclose(smoothed(fit, 2).trans[:, 0], np.clip(exact, values.min(), values.max()), atol=1e-5)


def test_nothing_passes_over_a_lost_face() -> None:
    fit, _ = clip()
    lost = [40, 41, 42]
    for values in fit[:5]:
        values[lost] = np.nan
    found = smoothed(fit, 3)
    assert np.isnan(found.angles[lost]).all()
    assert np.isfinite(found.trans[:40]).all()
    changed = fit._replace(trans=fit.trans.copy())
    changed.trans[43:] += 5
    np.testing.assert_allclose(smoothed(changed, 3).trans[:40], found.trans[:40], atol=1e-5)


def test_angles_that_pass_half_a_turn_stay_together() -> None:
    fit, yaw = clip()
    fit.angles[:, 2] = np.remainder(np.pi - 0.1 + yaw + np.pi, 2 * np.pi) - np.pi
    found = smoothed(fit, 1)
    turn = np.remainder(found.angles[:, 2] - (np.pi - 0.1 + yaw) + np.pi, 2 * np.pi) - np.pi
    assert np.abs(turn).max() < 0.02
    assert np.abs(found.angles[:, 2]).max() <= np.pi + 1e-6


def test_ends_of_what_can_be_smoothed() -> None:
    fit, _ = clip()
    assert smoothed(fit, 0) is fit
    with pytest.raises(ValueError, match="strength"):
        smoothed(fit, -1)
    two = Fit(*(values[:2] for values in fit[:5]))
    np.testing.assert_array_equal(smoothed(two, 5).exp, two.exp)
    nobody = Fit(*(np.full_like(values, np.nan) for values in fit[:5]))
    assert np.isnan(smoothed(nobody, 5).exp).all()
