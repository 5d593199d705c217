"""Features of all frames of a run, for FID and KID, in bounded memory: shards collect them, others merge them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.models.metrics.fid_interval import fid_interval
from reenactory.models.metrics.fid_projected import ProjectedFid
from reenactory.models.metrics.frechet import GRAM_ROUTE_MAX_N, Features, FeatureStats, fid, frechet_distance
from reenactory.models.metrics.kid import kid, kid_interval
from reenactory.models.metrics.means import Interval

ALL_DIRECTIONS_LIMIT = 500  # frames up to which a FID is resampled in all directions: 1000 replicates take 5 s
INTERVAL_PEOPLE = 5  # fewer have a handful of distinct resamples: two gave an interval from -87 to 149 around 26


Pass = Callable[[], Iterable[tuple[str, Features, Features]]]
"""Goes over all pairs once more: identity, real and generated features (n, D) of the same frames."""


class SetDistance(NamedTuple):
    """A distance of two sets and the way it was computed, as text for whoever reads the number."""

    found: Interval
    route: str


@dataclass(frozen=True)
class _Rows:
    """Frames with their features, in order of rank."""

    rank: NDArray[np.uint64]  # (n,)
    features: NDArray[np.float32]  # (n, D)
    person: NDArray[np.str_]  # (n,)

    @classmethod
    def joined(cls, parts: Sequence["_Rows"]) -> "_Rows":
        rank, features, person = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("rank", "features", "person")
        )
        order = np.argsort(rank, kind="stable")
        return cls(rank[order], features[order], person[order])

    def first(self, count: int) -> "_Rows":
        return _Rows(self.rank[:count], self.features[:count], self.person[:count])


@dataclass
class PooledFeatures:
    """Sufficient statistics of one side of FID and KID: the driving frames of a run, or those of a renderer.

    Up to 2048 frames all features are kept, and FID is taken from them. Beyond, the moments of all frames are kept for
    FID, and for KID the features of the 2048 frames with the smallest rank, a hash of pair and frame: the same sample
    on both sides, in whatever order and shards the frames came. A side holds at most 65 MB of features and 34 MB of
    moments, to which their factor of 34 MB is added when it is first asked for.

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
    _moments: FeatureStats | None = None

    def update(self, pair: str, person: str, features: Features, dropped: int = 0) -> None:
        """Take in the (n, D) features of one pair's frames, and how many of its frames have none."""
        self.dropped += dropped
        if not len(features):
            return
        rank = np.array([_rank(pair, frame) for frame in range(len(features))], np.uint64)
        people = np.array([person] * len(features), np.str_)
        rows = _Rows.joined([_Rows(rank, np.asarray(features, np.float32), people)])
        self.people.add(person)
        self.count += len(features)
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

    @property
    def sample(self) -> _Rows:
        """All frames, or those that stand for them."""
        self._kept = [_Rows.joined(self._kept).first(self.limit)]
        return self._kept[0]

    @property
    def moments(self) -> FeatureStats:
        """Of all frames; the same object each time, so that its factor is computed once."""
        if self._waiting:
            self._moments = _added(self._moments, _moments_of(self._waiting))
            self._waiting = []
        assert self._moments is not None
        return self._moments

    def _settle(self) -> None:
        """Fold what no longer has to be kept; in large portions, since each costs a (D, D) matrix."""
        if sum(len(rows.rank) for rows in self._kept) > 2 * self.limit:
            self._kept = [_Rows.joined(self._kept).first(self.limit)]
        if self.count > self.limit and sum(len(rows.rank) for rows in self._waiting) > self.limit:
            self._moments = _added(self._moments, _moments_of(self._waiting))
            self._waiting = []


def pooled_fid(real: PooledFeatures, generated: PooledFeatures, again: Pass, seed: int) -> SetDistance:
    """FID of all frames, with an interval where there are enough people; NaN below two frames.

    Args:
        real: the driving frames.
        generated: the frames of one renderer.
        again: a second pass over what both were made of; asked for where an interval needs it.
        seed: of the bootstrap.

    Raises:
        ValueError: the sides are not of the same frames.
    """
    _check_sides(real, generated)
    if real.count < 2:
        return SetDistance(_plain(generated, np.nan), "none: fewer than two frames")
    many = real.count > real.limit
    few = real.count <= ALL_DIRECTIONS_LIMIT and not many
    x, y = real.sample, generated.sample
    enough = len(real.people) >= INTERVAL_PEOPLE
    if few and enough:
        found = fid_interval(x.features, y.features, x.person.tolist(), seed=seed)
        return SetDistance(_plain(generated, found.mean, found.ci_low, found.ci_high), f"{_FEATURES}; {_RESAMPLED}")
    route = "moments of all frames" if many else _FEATURES
    value = frechet_distance(real.moments, generated.moments) if many else fid(x.features, y.features)
    if not enough:
        return SetDistance(_plain(generated, value), f"{route}; {_TOO_FEW}")
    projected = ProjectedFid.along(real.moments, generated.moments)
    for part in again():
        projected.update(*part)
    found = projected.interval(value, seed=seed)
    along = f"{_RESAMPLED}, along {projected.basis.shape[1]} directions"
    return SetDistance(_plain(generated, value, found.ci_low, found.ci_high), f"{route}; {along}")


def pooled_kid(real: PooledFeatures, generated: PooledFeatures, seed: int) -> SetDistance:
    """KID of all frames, or of the sample, with an interval where there are enough people.

    Raises:
        ValueError: the sides are not of the same frames.
    """
    _check_sides(real, generated)
    if real.count < 2:
        return SetDistance(_plain(generated, np.nan), "none: fewer than two frames")
    x, y = real.sample, generated.sample
    route = _FEATURES if real.count <= real.limit else f"features of a sample of {real.limit} frames"
    if len(real.people) < INTERVAL_PEOPLE:
        return SetDistance(_plain(generated, kid(x.features, y.features)), f"{route}; {_TOO_FEW}")
    found = kid_interval(x.features, y.features, x.person.tolist(), seed=seed)
    return SetDistance(_plain(generated, found.mean, found.ci_low, found.ci_high), f"{route}; {_RESAMPLED}")


_FEATURES = "features of all frames"
_RESAMPLED = "interval from resampled identities"
_TOO_FEW = f"no interval: fewer than {INTERVAL_PEOPLE} identities"


def _check_sides(real: PooledFeatures, generated: PooledFeatures) -> None:
    if (real.count, real.people, real.limit) != (generated.count, generated.people, generated.limit):
        raise ValueError(
            f"both sides must be of the same frames; got {real.count} real ones of {len(real.people)} people and "
            f"{generated.count} generated ones of {len(generated.people)}"
        )


def _plain(side: PooledFeatures, value: float, low: float = np.nan, high: float = np.nan) -> Interval:
    return Interval(value, low, high, side.count, side.dropped, len(side.people))


def _moments_of(parts: Sequence[_Rows]) -> FeatureStats:
    return FeatureStats.of(_Rows.joined(parts).features)


def _added(first: FeatureStats | None, second: FeatureStats | None) -> FeatureStats | None:
    if first is None or second is None:
        return first or second
    return first.merge(second)


def _rank(pair: str, frame: int) -> int:
    return int.from_bytes(blake2b(f"{pair}/{frame}".encode(), digest_size=8).digest(), "big")
