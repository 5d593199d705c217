"""Shards of features merge to what one process has, on both sides of the limit."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reenactory.models.metrics.fid_interval import fid_interval
from reenactory.models.metrics.fid_projected import ProjectedFid
from reenactory.models.metrics.frechet import FeatureStats, fid, frechet_distance
from reenactory.models.metrics.kid import kid, kid_interval
from reenactory.models.metrics.pooled import Pass, PooledFeatures, pooled_fid, pooled_kid

Part = tuple[str, str, NDArray[np.float32], NDArray[np.float32]]
Sides = tuple[PooledFeatures, PooledFeatures]


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


def collected(given: list[Part], limit: int) -> Sides:
    sides = PooledFeatures(limit=limit), PooledFeatures(limit=limit)
    for pair, person, *features in given:
        for side, rows in zip(sides, features, strict=True):
            side.update(pair, person, rows, dropped=1)
    return sides


def again(given: list[Part]) -> Pass:
    return lambda: ((person, real, generated) for _, person, real, generated in given)


def merge(into: Sides, others: Sides) -> None:
    for side, other in zip(into, others, strict=True):
        side.merge(other)


def values(sides: Sides, given: list[Part]) -> list[float]:
    both = [pooled_fid(*sides, again(given), 0).found, pooled_kid(*sides, 0).found]
    return [end for found in both for end in (found.mean, found.ci_low, found.ci_high)]


@pytest.mark.parametrize("limit", [1000, 150, 40])  # all kept; moments at the end; moments throughout
def test_merged_shards_equal_the_single_process(limit: int) -> None:
    given = parts(20, 13)
    whole = collected(given, limit)
    merged = collected([], limit)
    for shard in (given[11:], given[:4], given[4:11]):
        merge(merged, collected(shard, limit))
    assert (merged[1].count, merged[1].dropped, merged[1].people) == (260, 20, whole[1].people)
    np.testing.assert_allclose(values(merged, given), values(whole, given), rtol=1e-9)


def test_shards_merge_where_covariances_are_nearly_singular() -> None:
    """Hardly more frames than dimensions and a steep spectrum, as Inception's: here half the digits are easily lost."""
    rng = np.random.default_rng(2)
    spectrum = np.exp(-np.arange(120) / 12)
    real, generated = (rng.gamma(shape, 1.0, (125, 120)) * spectrum for shape in (0.5, 0.6))
    given = [(f"pair{i}", "a", real[5 * i : 5 * i + 5], generated[5 * i : 5 * i + 5]) for i in range(25)]
    whole, merged = collected(given, 100), collected(given[9:], 100)
    merge(merged, collected(given[:9], 100))
    exact = fid(real.astype(np.float32), generated.astype(np.float32))
    assert values(merged, given)[0] == pytest.approx(values(whole, given)[0], rel=1e-12)
    assert values(whole, given)[0] == pytest.approx(exact, rel=1e-11)


def test_below_the_limit_both_are_those_of_all_frames() -> None:
    given = parts(12, 7)
    real, generated = (np.concatenate([part[side] for part in given]) for side in (2, 3))
    people = [part[1] for part in given for _ in range(7)]
    sides = collected(given, 1000)
    for (found, route), wanted in (
        (pooled_fid(*sides, again(given), 3), fid_interval(real, generated, people, seed=3)),
        (pooled_kid(*sides, 3), kid_interval(real, generated, people, seed=3)),
    ):
        assert found.mean == pytest.approx(wanted.mean, rel=1e-9)
        # Here the rows stand in another order, and FID's replicates go through squares of singular values.
        assert (found.ci_low, found.ci_high) == pytest.approx((wanted.ci_low, wanted.ci_high), rel=1e-6)
        assert (found.n, found.n_dropped, found.n_clusters) == (84, 12, 6)
        assert route == "features of all frames; interval from resampled identities"


def test_beyond_the_limit_fid_sees_all_frames_and_kid_a_fixed_sample() -> None:
    given = parts(20, 13)
    real, generated = (np.concatenate([part[side] for part in given]) for side in (2, 3))
    sides = collected(given, 100)
    by_moments = pooled_fid(*sides, again(given), 0)
    assert by_moments.found.mean == pytest.approx(fid(real, generated), rel=1e-9)
    assert by_moments.route.startswith("moments of all frames; ")
    sample = pooled_kid(*sides, 0)
    assert sample.route.startswith("features of a sample of 100 frames; ")
    assert sample.found.mean != pytest.approx(kid(real, generated), rel=1e-6)
    assert sample.found.mean == pytest.approx(kid(real, generated), rel=0.5)
    backwards = collected(given[::-1], 100)
    assert pooled_kid(*backwards, 0).found.mean == pytest.approx(sample.found.mean, rel=1e-12)


def test_memory_does_not_grow_with_frames() -> None:
    side = PooledFeatures(limit=50)
    for pair, person, features, _ in parts(60, 13):
        side.update(pair, person, features)
        held = sum(rows.features.shape[0] for rows in (*side._kept, *side._waiting))
        assert held <= 3 * 50 + 2 * 13
    assert side.count == 780


def test_one_real_side_serves_many_renderers() -> None:
    """It is factored once, and asking it changes nothing of what it says."""
    given = parts(20, 13)
    real, generated = collected(given, 100)
    first = values((real, generated), given)
    factor = real.moments.factor
    worse = [(pair, person, x, y + 1.0) for pair, person, x, y in given]
    _, other = collected(worse, 100)
    assert pooled_fid(real, other, again(worse), 0).found.mean > first[0]
    assert real.moments.factor is factor
    assert values((real, generated), given) == first


def test_few_people_have_no_interval() -> None:
    given = [(pair, "a", real, generated) for pair, _, real, generated in parts(4, 5)]
    alone = collected(given, 1000)
    (by_fid, route), by_kid = pooled_fid(*alone, again(given), 0), pooled_kid(*alone, 0).found
    assert np.isfinite(by_fid.mean) and np.isnan(by_fid.ci_low) and np.isnan(by_kid.ci_low)
    assert route == "features of all frames; no interval: fewer than 5 identities"


@pytest.mark.parametrize(("limit", "route"), [(1000, "features"), (100, "moments")])
def test_many_frames_are_resampled_by_moments_per_identity(limit: int, route: str) -> None:
    """24 features are fewer than the directions that are kept: the interval is that of all of them."""
    given = parts(60, 12)
    found = pooled_fid(*collected(given, limit), again(given), 3)
    real, generated = (np.concatenate([part[side] for part in given]) for side in (2, 3))
    wanted = fid_interval(real, generated, [part[1] for part in given for _ in range(12)], seed=3)
    assert found.found.mean == pytest.approx(wanted.mean, rel=1e-9)
    # Here as there, cross terms are roots of squares: half the digits of what is left of them.
    assert (found.found.ci_low, found.found.ci_high) == pytest.approx((wanted.ci_low, wanted.ci_high), rel=1e-5)
    assert found.route == f"{route} of all frames; interval from resampled identities, along 24 directions"


def test_a_few_directions_have_nearly_the_interval_of_all() -> None:
    """A falling spectrum, as that of Inception's features: the rest hardly depends on who is drawn."""
    rng = np.random.default_rng(5)
    spectrum, people = np.exp(-np.arange(96) / 10), [f"person{index}" for index in range(8) for _ in range(60)]
    centres = np.repeat(rng.normal(size=(8, 96)), 60, axis=0)
    real, generated = ((centres * scale + rng.normal(size=(480, 96))) * spectrum for scale in (1.0, 1.3))
    wanted = fid_interval(real, generated, people, seed=0)
    few = ProjectedFid.along(FeatureStats.of(real), FeatureStats.of(generated), directions=32)
    for rows in np.array_split(np.arange(480), 8):
        few.update(people[rows[0]], real[rows], generated[rows])
    found = few.interval(wanted.mean, seed=0)
    width = wanted.ci_high - wanted.ci_low
    assert (found.ci_low, found.ci_high) == pytest.approx((wanted.ci_low, wanted.ci_high), abs=0.02 * width)


def test_one_frame_has_no_distance() -> None:
    sides = collected([], 1000)
    assert np.isnan(values(sides, [])[0])
    for side, value in zip(sides, (0.0, 1.0), strict=True):
        side.update("p", "a", np.zeros((0, 4), np.float32), dropped=3)
        side.update("q", "a", np.full((1, 4), value, np.float32))
    assert np.isnan(values(sides, [])).all()
    assert (sides[0].count, sides[0].dropped) == (1, 3)
    sides[1].update("r", "a", np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="same frames; got 1 real ones of 1 people and 3 generated"):
        pooled_fid(*sides, again([]), 0)


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
