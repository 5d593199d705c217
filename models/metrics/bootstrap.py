"""Confidence intervals by resampling identities: frames of one person are not independent of each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reenactory.models.metrics.definition import Direction
from reenactory.models.metrics.means import LEVEL, REPLICATES, ClusterSums, Interval


@dataclass(frozen=True)
class PairedDifference:
    """First minus second on the same items.

    Attributes:
        difference: mean of first - second over the items where both have a value, with its interval. Where zero is
            the best value, of their distances from zero.
        share_won: share of groups in whose mean first is strictly better, ties counting half; NaN without items.
        n_groups: groups with at least one item.
    """

    difference: Interval
    share_won: float
    n_groups: int


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
    return ClusterSums.of(values, clusters).interval(seed=seed, replicates=replicates, level=level)


def paired_bootstrap(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    groups: NDArray[np.integer],
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
        second: (N,) float64, item by item the same frames or videos as ``first``.
        groups: (N,) the number of each item's pair; pairs are won or lost as a whole.
        clusters: of each pair, the identity; these are resampled.
        direction: which way is better.
        seed: of the resampling.
        replicates: number of resamples.
        level: coverage, in (0, 1).

    Raises:
        ValueError: lengths differ, a pair has no identity, or ``level`` is outside (0, 1).
    """
    if first.shape != second.shape or groups.shape != first.shape:
        raise ValueError(f"paired values differ in shape: {first.shape}, {second.shape} and groups {groups.shape}")
    difference = np.abs(first) - np.abs(second) if direction == "zero" else first - second
    kept = ~np.isnan(difference)
    sums = np.bincount(groups[kept], weights=difference[kept], minlength=len(clusters))
    counts = np.bincount(groups[kept], minlength=len(clusters))
    if len(sums) > len(clusters):
        raise ValueError(f"pair number {len(sums) - 1} of {len(clusters)} pairs with an identity")
    seen = np.flatnonzero(counts)
    by_cluster = ClusterSums(dropped=len(kept) - int(kept.sum()))
    for group in seen.tolist():
        by_cluster.add(clusters[group], float(sums[group]), int(counts[group]))
    interval = by_cluster.interval(seed=seed, replicates=replicates, level=level)
    if not len(seen):
        return PairedDifference(interval, np.nan, 0)
    gain = sums[seen] * (1 if direction == "higher" else -1)
    return PairedDifference(interval, float(np.mean((gain > 0) + 0.5 * (gain == 0))), len(seen))
