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
    clusters: Sequence[str],
    groups: Sequence[str],
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
        clusters: N identities, which are resampled.
        groups: N names of pairs, which are won or lost as a whole.
        direction: which way is better.
        seed: of the resampling.
        replicates: number of resamples.
        level: coverage, in (0, 1).

    Raises:
        ValueError: lengths differ or ``level`` is outside (0, 1).
    """
    if first.shape != second.shape or len(groups) != len(first):
        raise ValueError(f"paired values differ in shape: {first.shape}, {second.shape} and {len(groups)} groups")
    difference = np.abs(first) - np.abs(second) if direction == "zero" else first - second
    interval = cluster_bootstrap(difference, clusters, seed=seed, replicates=replicates, level=level)
    by_group = ClusterSums.of(difference, groups).sums
    if not by_group:
        return PairedDifference(interval, np.nan, 0)
    gain = np.array(list(by_group.values())) * (1 if direction == "higher" else -1)
    return PairedDifference(interval, float(np.mean((gain > 0) + 0.5 * (gain == 0))), len(gain))
