"""Features of all frames of a run, for FID and KID, in bounded memory: shards collect them, others merge them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from reenactory.models.metrics.fid_interval import fid_interval
from reenactory.models.metrics.frechet import GRAM_ROUTE_MAX_N, Features, FeatureStats, fid, frechet_distance
from reenactory.models.metrics.kid import kid, kid_interval
from reenactory.models.metrics.means import Interval

INTERVAL_LIMIT = 500  # frames up to which a FID gets an interval: 1000 replicates then take about 5 s
INTERVAL_PEOPLE = 5  # fewer have a handful of distinct resamples: two gave an interval from -87 to 149 around 26


@dataclass(frozen=True)
class _Rows:
    """Frames with their features, in order of rank."""

    rank: NDArray[np.uint64]  # (n,)
    real: NDArray[np.float32]  # (n, D)
    generated: NDArray[np.float32]  # (n, D)
    person: NDArray[np.str_]  # (n,)

    @classmethod
    def joined(cls, parts: Sequence["_Rows"]) -> "_Rows":
        rank, real, generated, person = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("rank", "real", "generated", "person")
        )
        order = np.argsort(rank, kind="stable")
        return cls(rank[order], real[order], generated[order], person[order])

    def first(self, count: int) -> "_Rows":
        return _Rows(self.rank[:count], self.real[:count], self.generated[:count], self.person[:count])


@dataclass
class PooledFeatures:
    """Sufficient statistics of FID and KID of a set of frame pairs.

    Up to 2048 frames all features are kept, and FID is taken from them. Beyond, the moments of all frames are kept for
    FID, and for KID the features of the 2048 frames with the smallest rank, a hash of pair and frame: the same sample
    in whatever order and shards the frames came. 32 MB for the features and, once they are needed, 67 MB of moments.

    Attributes:
        count: frames taken in.
        dropped: frames that had no features.
        people: identities among them.
        limit: frames whose features are kept.
    """

    count: int = 0
    dropped: int = 0
    people: set[str] = field(default_factory=set)
    limit: int = GRAM_ROUTE_MAX_N
    _kept: list[_Rows] = field(default_factory=list)  # ranked; at most twice the limit
    _waiting: list[_Rows] = field(default_factory=list)  # kept as well, but not yet among the moments
    _moments: tuple[FeatureStats, FeatureStats] | None = None

    def update(self, pair: str, person: str, real: Features, generated: Features, dropped: int = 0) -> None:
        """Take in one render: (n, D) features of driving and generated frames, and how many frames have none."""
        self.dropped += dropped
        if len(real) != len(generated):
            raise ValueError(f"expected as many real as generated rows, got {len(real)} and {len(generated)}")
        if not len(real):
            return
        rank = np.array([_rank(pair, frame) for frame in range(len(real))], np.uint64)
        people = np.array([person] * len(real), np.str_)
        rows = _Rows.joined([_Rows(rank, np.asarray(real, np.float32), np.asarray(generated, np.float32), people)])
        self.people.add(person)
        self.count += len(real)
        self._kept.append(rows)
        self._waiting.append(rows)
        self._settle()

    def merge(self, other: "PooledFeatures") -> None:
        """Take in another shard."""
        self.count += other.count
        self.dropped += other.dropped
        self.people |= other.people
        self._kept += other._kept
        self._waiting += other._waiting
        self._moments = _added(self._moments, other._moments)
        self._settle()

    def fid(self, seed: int) -> Interval:
        """FID of all frames, with an interval where they are few enough and of enough people; NaN below two frames."""
        if self.count < 2:
            return self._plain(np.nan)
        if self.count > self.limit:
            moments = _added(self._moments, _moments_of(self._waiting))
            assert moments is not None
            return self._plain(frechet_distance(*moments))
        rows = _Rows.joined(self._kept)
        if self.count > INTERVAL_LIMIT or len(self.people) < INTERVAL_PEOPLE:
            return self._plain(fid(rows.real, rows.generated))
        found = fid_interval(rows.real, rows.generated, rows.person.tolist(), seed=seed)
        return self._plain(found.mean, found.ci_low, found.ci_high)

    def kid(self, seed: int) -> Interval:
        """KID of all frames, or of the sample, with an interval where there are enough people."""
        if self.count < 2:
            return self._plain(np.nan)
        rows = _Rows.joined(self._kept).first(self.limit)
        if len(self.people) < INTERVAL_PEOPLE:
            return self._plain(kid(rows.real, rows.generated))
        found = kid_interval(rows.real, rows.generated, rows.person.tolist(), seed=seed)
        return self._plain(found.mean, found.ci_low, found.ci_high)

    def _plain(self, value: float, low: float = np.nan, high: float = np.nan) -> Interval:
        return Interval(value, low, high, self.count, self.dropped, len(self.people))

    def _settle(self) -> None:
        """Fold what no longer has to be kept; in large portions, since each costs a (D, D) matrix."""
        if sum(len(rows.rank) for rows in self._kept) > 2 * self.limit:
            self._kept = [_Rows.joined(self._kept).first(self.limit)]
        if self.count > self.limit and sum(len(rows.rank) for rows in self._waiting) > self.limit:
            self._moments = _added(self._moments, _moments_of(self._waiting))
            self._waiting = []


def _moments_of(parts: Sequence[_Rows]) -> tuple[FeatureStats, FeatureStats] | None:
    if not parts:
        return None
    rows = _Rows.joined(parts)
    return FeatureStats.of(rows.real), FeatureStats.of(rows.generated)


def _added(
    first: tuple[FeatureStats, FeatureStats] | None, second: tuple[FeatureStats, FeatureStats] | None
) -> tuple[FeatureStats, FeatureStats] | None:
    if first is None or second is None:
        return first or second
    return first[0].merge(second[0]), first[1].merge(second[1])


def _rank(pair: str, frame: int) -> int:
    return int.from_bytes(blake2b(f"{pair}/{frame}".encode(), digest_size=8).digest(), "big")
