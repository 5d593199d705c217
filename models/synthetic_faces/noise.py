"""Smooth random functions of time and of space."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WAVES = 6


def over_time(
    draw: np.random.Generator, seconds: Floats, channels: int, slowest_hz: float, fastest_hz: float
) -> Floats:
    """Independent curves as sums of sines of random frequency and phase.

    Args:
        seconds: (T,).

    Returns:
        (T, channels), mean 0 and variance 1 over all time.
    """
    hertz = draw.uniform(slowest_hz, fastest_hz, (_WAVES, channels))
    phase = draw.uniform(0, 2 * np.pi, (_WAVES, channels))
    waves = np.sin(2 * np.pi * hertz * seconds[:, None, None] + phase)  # (T, W, C)
    curves: Floats = waves.sum(axis=1) * np.sqrt(2 / _WAVES)
    return curves


def over_space(draw: np.random.Generator, points: Floats, length: float, waves: int = 24) -> Floats:
    """A random field as a sum of plane waves.

    Args:
        points: (N, 3).
        length: over which it changes its sign, in the points' unit.

    Returns:
        (N,), mean 0 and variance 1 over all space.
    """
    vectors = draw.normal(size=(3, waves)) * (2 / length)
    phase = draw.uniform(0, 2 * np.pi, waves)
    field: Floats = np.cos(points @ vectors + phase).sum(axis=1) * np.sqrt(2 / waves)
    return field


def smoothstep(value: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between; falling where `high` is below `low`."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))
