"""Interval of a distance between two sets of frames: identities are resampled, on both sides together."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from reenactory.models.metrics.frechet import Features
from reenactory.models.metrics.means import Interval, draw_clusters, percentile_interval

Resample = Callable[[NDArray[np.int64], NDArray[np.intp]], NDArray[np.float64]]
"""Distances (R,) of resamples: (R, C) how often each identity is drawn, (n,) the identity of each frame."""


def check_same_rows(real: Features, generated: Features, clusters: Sequence[str]) -> None:
    """Refuse sets whose frames do not belong to each other row by row, and to an identity.

    Raises:
        ValueError: lengths differ.
    """
    if not len(real) == len(generated) == len(clusters):
        raise ValueError(
            f"expected n rows each, got {len(real)} real, {len(generated)} generated, {len(clusters)} names"
        )


def set_interval(
    value: float, clusters: Sequence[str], resample: Resample, *, seed: int, replicates: int, level: float
) -> Interval:
    """Percentile interval of resampled distances, shifted to have the value as their mean.

    A resample repeats frames and has fewer distinct ones, which biases such distances: the shift takes the bias out.
    Each distinct resample is asked for once: two identities have 3 of them, five have 126.

    Args:
        value: the distance of the sets themselves.
        clusters: n identities.
        resample: see `Resample`.
        seed: of the resampling.
        replicates: number of resamples.
        level: coverage, in (0, 1).

    Raises:
        ValueError: ``level`` is outside (0, 1).
    """
    labels, index = np.unique(np.asarray(clusters, dtype=np.str_), return_inverse=True)
    people = len(labels)
    if people < 2:
        return Interval(value, np.nan, np.nan, len(clusters), 0, people)
    draws = draw_clusters(people, replicates, seed)  # (R, C)
    times_drawn = np.stack([np.bincount(draw, minlength=people) for draw in draws])
    distinct, inverse = np.unique(times_drawn, axis=0, return_inverse=True)
    values = resample(distinct, index)[inverse.reshape(-1)]
    low, high = percentile_interval(values - values.mean() + value, level)
    return Interval(value, low, high, len(clusters), 0, people)
