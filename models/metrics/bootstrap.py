"""Confidence intervals by resampling identities: frames of one person are not independent of each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reenactory.models.metrics.definition import Direction

REPLICATES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with its percentile interval.

    Attributes:
        mean: mean of the values that are not NaN; NaN if there are none.
        ci_low: lower end; NaN with fewer than two clusters, for then nothing says how people differ.
        ci_high: upper end, likewise.
        n: values used.
        n_dropped: NaN values left out.
        n_clusters: clusters with at least one value.
    """

    mean: float
    ci_low: float
    ci_high: float
    n: int
    n_dropped: int
    n_clusters: int


@dataclass(frozen=True)
class PairedDifference:
    """First minus second on the same items.

    Attributes:
        difference: mean of first - second over the items where both have a value, with its interval.
        share_won: share of those items where first is strictly better, ties counting half; NaN without items.
    """

    difference: Interval
    share_won: float


def cluster_bootstrap(
    values: NDArray[np.float64],
    clusters: Sequence[str],
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Interval:
    """Mean over pooled values and its percentile interval, resampling whole clusters.

    Args:
        values: (N,) float64, one per frame or per pair; NaN where there is none.
        clusters: N identities.
        seed: of the resampling; the same seed gives the same bits.
        replicates: number of resamples.
        level: coverage, in (0, 1).

    Raises:
        ValueError: lengths differ or ``level`` is outside (0, 1).
    """
    kept, names = _without_nan(values, clusters)
    dropped = len(values) - len(kept)
    index, people = cluster_indices(names)
    if not len(kept):
        return Interval(np.nan, np.nan, np.nan, 0, dropped, 0)
    mean = float(kept.mean())
    if people < 2:
        return Interval(mean, np.nan, np.nan, len(kept), dropped, people)
    sums = np.bincount(index, weights=kept)  # (C,)
    counts = np.bincount(index)  # (C,)
    draws = draw_clusters(people, replicates, seed)  # (R, C)
    low, high = percentile_interval(sums[draws].sum(axis=1) / counts[draws].sum(axis=1), level)
    return Interval(mean, low, high, len(kept), dropped, people)


def paired_bootstrap(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    clusters: Sequence[str],
    *,
    direction: Direction,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> PairedDifference:
    """Difference of two methods on the same items. An item where either has no value is dropped from both.

    Args:
        first: (N,) float64.
        second: (N,) float64, item by item the same frames or pairs as ``first``.
        clusters: N identities.
        direction: which way is better, for ``share_won``.
        seed: of the resampling.
        replicates: number of resamples.
        level: coverage, in (0, 1).

    Raises:
        ValueError: lengths differ or ``level`` is outside (0, 1).
    """
    if first.shape != second.shape:
        raise ValueError(f"paired values differ in shape: {first.shape} and {second.shape}")
    difference = first - second
    interval = cluster_bootstrap(difference, clusters, seed=seed, replicates=replicates, level=level)
    kept = difference[~np.isnan(difference)]
    if not len(kept):
        return PairedDifference(interval, np.nan)
    gain = kept if direction == "higher" else -kept
    return PairedDifference(interval, float(np.mean((gain > 0) + 0.5 * (gain == 0))))


def cluster_indices(names: NDArray[np.str_]) -> tuple[NDArray[np.int64], int]:
    """(N,) number of each name's cluster in sorted order, and how many clusters there are."""
    labels, index = np.unique(names, return_inverse=True)
    return index.astype(np.int64), len(labels)


def draw_clusters(clusters: int, replicates: int, seed: int) -> NDArray[np.int64]:
    """(replicates, clusters) cluster numbers, drawn with replacement."""
    return np.random.default_rng(seed).integers(0, clusters, size=(replicates, clusters))


def percentile_interval(replicates: NDArray[np.float64], level: float) -> tuple[float, float]:
    """The central interval that holds ``level`` of the replicates."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(replicates, [tail, 100.0 - tail])
    return float(low), float(high)


def _without_nan(values: NDArray[np.float64], clusters: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    if values.ndim != 1 or len(values) != len(clusters):
        raise ValueError(f"expected (N,) values and N clusters, got {values.shape} and {len(clusters)}")
    keep = ~np.isnan(values)
    return values[keep], np.asarray(clusters, dtype=np.str_)[keep]
