"""Shards of features merge to what one process has, on both sides of the limit."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reenactory.models.metrics.fid_interval import fid_interval
from reenactory.models.metrics.frechet import FeatureStats, fid, frechet_distance
from reenactory.models.metrics.kid import kid, kid_interval
from reenactory.models.metrics.pooled import PooledFeatures

Part = tuple[str, str, NDArray[np.float32], NDArray[np.float32]]


def parts(count: int, frames: int, size: int = 24) -> list[Part]:
    rng = np.random.default_rng(0)
    mixing = rng.gamma(0.3, 1.0, (size, size))
    return [
        (
            f"pair{index}",
            f"person{index % 6}",
            (rng.gamma(0.5, 1.0, (frames, size)) @ mixing).astype(np.float32),
            (rng.gamma(0.6, 1.0, (frames, size)) @ mixing).astype(np.float32),
        )
        for index in range(count)
    ]


def collected(given: list[Part], limit: int) -> PooledFeatures:
    pooled = PooledFeatures(limit=limit)
    for part in given:
        pooled.update(*part, dropped=1)
    return pooled


def values(pooled: PooledFeatures) -> list[float]:
    return [end for found in (pooled.fid(0), pooled.kid(0)) for end in (found.mean, found.ci_low, found.ci_high)]


@pytest.mark.parametrize("limit", [1000, 150, 40])  # all kept; moments at the end; moments throughout
def test_merged_shards_equal_the_single_process(limit: int) -> None:
    given = parts(20, 13)
    whole = collected(given, limit)
    merged = PooledFeatures(limit=limit)
    for shard in (given[11:], given[:4], given[4:11]):
        merged.merge(collected(shard, limit))
    assert (merged.count, merged.dropped, merged.people) == (260, 20, whole.people)
    np.testing.assert_allclose(values(merged), values(whole), rtol=1e-9)


def test_shards_merge_where_covariances_are_nearly_singular() -> None:
    """Hardly more frames than dimensions and a steep spectrum, as Inception's: here half the digits are easily lost."""
    rng = np.random.default_rng(2)
    spectrum = np.exp(-np.arange(120) / 12)
    real, generated = (rng.gamma(shape, 1.0, (125, 120)) * spectrum for shape in (0.5, 0.6))
    given = [(f"pair{i}", "a", real[5 * i : 5 * i + 5], generated[5 * i : 5 * i + 5]) for i in range(25)]
    whole, merged = collected(given, 100), collected(given[9:], 100)
    merged.merge(collected(given[:9], 100))
    exact = fid(real.astype(np.float32), generated.astype(np.float32))
    assert merged.fid(0).mean == pytest.approx(whole.fid(0).mean, rel=1e-12)
    assert whole.fid(0).mean == pytest.approx(exact, rel=1e-11)


def test_below_the_limit_both_are_those_of_all_frames() -> None:
    given = parts(12, 7)
    real, generated = (np.concatenate([part[side] for part in given]) for side in (2, 3))
    people = [part[1] for part in given for _ in range(7)]
    pooled = collected(given, 1000)
    for found, wanted in (
        (pooled.fid(3), fid_interval(real, generated, people, seed=3)),
        (pooled.kid(3), kid_interval(real, generated, people, seed=3)),
    ):
        assert found.mean == pytest.approx(wanted.mean, rel=1e-9)
        # Here the rows stand in another order, and FID's replicates go through squares of singular values.
        assert (found.ci_low, found.ci_high) == pytest.approx((wanted.ci_low, wanted.ci_high), rel=1e-6)
        assert (found.n, found.n_dropped, found.n_clusters) == (84, 12, 6)


def test_beyond_the_limit_fid_sees_all_frames_and_kid_a_fixed_sample() -> None:
    given = parts(20, 13)
    real, generated = (np.concatenate([part[side] for part in given]) for side in (2, 3))
    pooled = collected(given, 100)
    assert pooled.fid(0).mean == pytest.approx(fid(real, generated), rel=1e-9)
    sample = pooled.kid(0).mean
    assert sample != pytest.approx(kid(real, generated), rel=1e-6)
    assert sample == pytest.approx(kid(real, generated), rel=0.5)
    backwards = collected(given[::-1], 100)
    assert backwards.kid(0).mean == pytest.approx(sample, rel=1e-12)


def test_memory_does_not_grow_with_frames() -> None:
    pooled = PooledFeatures(limit=50)
    for part in parts(60, 13):
        pooled.update(*part)
        held = sum(rows.real.shape[0] for rows in (*pooled._kept, *pooled._waiting))
        assert held <= 3 * 50 + 2 * 13
    assert pooled.count == 780


def test_few_people_or_many_frames_have_no_interval_of_fid() -> None:
    alone = PooledFeatures()
    for pair, _, real, generated in parts(4, 5):
        alone.update(pair, "a", real, generated)
    assert np.isfinite(alone.fid(0).mean) and np.isnan(alone.fid(0).ci_low) and np.isnan(alone.kid(0).ci_low)
    many = collected(parts(42, 12), 1000)
    assert np.isnan(many.fid(0).ci_low) and many.kid(0).ci_low < many.kid(0).mean < many.kid(0).ci_high


def test_one_frame_has_no_distance() -> None:
    pooled = PooledFeatures()
    assert np.isnan(pooled.fid(0).mean)
    pooled.update("p", "a", np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32), dropped=3)
    pooled.update("q", "a", np.zeros((1, 4), np.float32), np.ones((1, 4), np.float32))
    assert np.isnan(pooled.fid(0).mean) and np.isnan(pooled.kid(0).mean)
    assert (pooled.count, pooled.dropped) == (1, 3)
    with pytest.raises(ValueError, match="as many real as generated"):
        pooled.update("r", "a", np.zeros((2, 4), np.float32), np.zeros((1, 4), np.float32))


def test_statistics_merge_without_losing_digits() -> None:
    """Chan's formula: a mean of a million over a deviation of one would cost raw sums of squares all their digits."""
    rng = np.random.default_rng(1)
    real, generated = rng.normal(1e6, 1.0, (2, 300, 12))
    merged = FeatureStats.of(real[:7])
    for piece in np.array_split(real[7:], 9):
        merged = merged.merge(FeatureStats.of(piece))
    np.testing.assert_allclose(merged.covariance, np.cov(real, rowvar=False), atol=1e-9)
    whole = frechet_distance(FeatureStats.of(real), FeatureStats.of(generated))
    assert frechet_distance(merged, FeatureStats.of(generated)) == pytest.approx(whole, rel=1e-9)
