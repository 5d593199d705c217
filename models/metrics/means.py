"""Means that shards compute and others merge: a sum and a count per identity is all that a bootstrap needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

REPLICATES = 1000
LEVEL = 0.95
_DRAWS_AT_ONCE = 4_000_000  # cluster numbers: 32 MB


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


@dataclass
class ClusterSums:
    """Sufficient statistics of a mean and of its clustered interval, a few numbers per identity.

    Attributes:
        sums: per cluster, the sum of the values that are not NaN.
        counts: per cluster, how many those are; clusters without a value are absent.
        dropped: NaN values.
    """

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    dropped: int = 0

    @classmethod
    def of(cls, values: NDArray[np.float64], clusters: Sequence[str]) -> "ClusterSums":
        """Statistics of (N,) values, NaN where there is none, and their N clusters.

        Raises:
            ValueError: lengths differ.
        """
        if values.ndim != 1 or len(values) != len(clusters):
            raise ValueError(f"expected (N,) values and N clusters, got {values.shape} and {len(clusters)}")
        kept = ~np.isnan(values)
        labels, index = np.unique(np.asarray(clusters, dtype=np.str_)[kept], return_inverse=True)
        sums, counts = np.bincount(index, weights=values[kept]), np.bincount(index)
        names = labels.tolist()
        return cls(
            dict(zip(names, sums.tolist(), strict=True)),
            dict(zip(names, counts.tolist(), strict=True)),
            len(values) - int(kept.sum()),
        )

    def update(self, cluster: str, values: NDArray[np.float64]) -> None:
        """Take in (N,) values of one cluster, NaN where there is none."""
        missing = int(np.isnan(values).sum())
        self.dropped += missing
        if missing < len(values):
            self.add(cluster, float(np.nansum(values)), len(values) - missing)

    def merge(self, other: "ClusterSums") -> None:
        """Take in another shard's statistics; the order of shards changes the last bits at most."""
        for cluster, total in other.sums.items():
            self.add(cluster, total, other.counts[cluster])
        self.dropped += other.dropped

    def add(self, cluster: str, total: float, count: int) -> None:
        """Take in the sum of `count` values of one cluster, count >= 1."""
        self.sums[cluster] = self.sums.get(cluster, 0.0) + total
        self.counts[cluster] = self.counts.get(cluster, 0) + count

    def interval(self, *, seed: int, replicates: int = REPLICATES, level: float = LEVEL) -> Interval:
        """Mean over pooled values and its percentile interval, resampling whole clusters.

        Args:
            seed: of the resampling; the same seed gives the same bits.
            replicates: number of resamples.
            level: coverage, in (0, 1).

        Raises:
            ValueError: ``level`` is outside (0, 1).
        """
        names = sorted(self.sums)
        if not names:
            return Interval(np.nan, np.nan, np.nan, 0, self.dropped, 0)
        sums, counts = (np.array([side[name] for name in names]) for side in (self.sums, self.counts))
        mean, people = float(sums.sum() / counts.sum()), len(names)
        if people < 2:
            return Interval(mean, np.nan, np.nan, int(counts.sum()), self.dropped, people)
        draws = draw_clusters(people, replicates, seed)  # (R, C)
        parts = np.array_split(draws, max(1, draws.size // _DRAWS_AT_ONCE))
        means = np.concatenate([sums[part].sum(axis=1) / counts[part].sum(axis=1) for part in parts])
        low, high = percentile_interval(means, level)
        return Interval(mean, low, high, int(counts.sum()), self.dropped, people)


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
