"""Clustered intervals: against a plain loop, and whether they cover."""

import numpy as np
import pytest

from reenactory.models.metrics.bootstrap import cluster_bootstrap, paired_bootstrap
from reenactory.models.metrics.means import ClusterSums, draw_clusters


def _people(rng: np.random.Generator, people: int, frames: int) -> tuple[np.ndarray, list[str]]:
    """Values that share an offset within a person, as frames do."""
    values = rng.normal(0, 1, (people, 1)) + rng.normal(0, 0.1, (people, frames))
    return values.ravel(), [f"person{p}" for p in range(people) for _ in range(frames)]


def test_equals_a_loop_over_resampled_values() -> None:
    values = np.array([1.0, 2.0, 10.0, 4.0, np.nan, 7.0])
    clusters = ["a", "a", "b", "c", "c", "c"]
    interval = cluster_bootstrap(values, clusters, seed=5, replicates=200)
    members = {"a": [1.0, 2.0], "b": [10.0], "c": [4.0, 7.0]}
    draws = [[value for c in row for value in members["abc"[c]]] for row in draw_clusters(3, 200, 5)]
    low, high = np.percentile([np.mean(draw) for draw in draws], [2.5, 97.5])
    assert interval.mean == pytest.approx(24 / 5)
    assert (interval.ci_low, interval.ci_high) == pytest.approx((low, high))
    assert (interval.n, interval.n_dropped, interval.n_clusters) == (5, 1, 3)


def test_merged_shards_equal_the_single_process() -> None:
    rng = np.random.default_rng(3)
    values, clusters = _people(rng, 12, 31)
    values[rng.integers(0, len(values), 20)] = np.nan
    order = rng.permutation(len(values))
    merged = ClusterSums()
    for part in np.array_split(order, 7):
        merged.merge(ClusterSums.of(values[part], [clusters[index] for index in part]))
    fed = ClusterSums()
    for person in sorted(set(clusters)):
        fed.update(person, values[[name == person for name in clusters]])
    whole = cluster_bootstrap(values, clusters, seed=1)
    for other in (merged.interval(seed=1), fed.interval(seed=1)):
        assert (other.n, other.n_dropped, other.n_clusters) == (whole.n, whole.n_dropped, 12)
        assert (other.mean, other.ci_low, other.ci_high) == pytest.approx(
            (whole.mean, whole.ci_low, whole.ci_high), rel=1e-12
        )


def test_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for trial in range(200):
        values, clusters = _people(rng, people=30, frames=20)
        interval = cluster_bootstrap(values, clusters, seed=trial, replicates=400)
        hits += interval.ci_low <= 0.0 <= interval.ci_high
    assert 0.88 <= hits / 200 <= 0.99  # 0.34 where frames count as independent


def test_same_seed_same_bits_and_another_seed_not() -> None:
    values, clusters = _people(np.random.default_rng(0), 8, 5)
    first = cluster_bootstrap(values, clusters, seed=1)
    assert first == cluster_bootstrap(values, clusters, seed=1)
    assert first != cluster_bootstrap(values, clusters, seed=2)


def test_one_person_has_a_mean_and_no_interval() -> None:
    interval = cluster_bootstrap(np.array([1.0, 3.0]), ["a", "a"], seed=0)
    assert interval.mean == 2.0
    assert np.isnan(interval.ci_low) and np.isnan(interval.ci_high)


def test_nothing_to_average_is_nan_not_zero() -> None:
    interval = cluster_bootstrap(np.array([np.nan, np.nan]), ["a", "b"], seed=0)
    assert np.isnan(interval.mean) and (interval.n, interval.n_dropped) == (0, 2)


def test_pairing_removes_what_both_methods_share() -> None:
    rng = np.random.default_rng(2)
    shared, clusters = _people(rng, 20, 10)
    better = shared - 0.2 + rng.normal(0, 0.05, len(shared))
    better[3] = np.nan
    people, groups = np.unique(clusters, return_inverse=True)
    paired = paired_bootstrap(better, shared, groups, people.tolist(), direction="lower", seed=0)
    assert paired.difference.mean == pytest.approx(-0.2, abs=0.02)
    assert paired.difference.ci_high < 0.0  # although the values themselves spread by 1
    assert paired.difference.n_dropped == 1
    assert paired.share_won > 0.95


def test_ties_count_half() -> None:
    same = np.array([1.0, 2.0, 3.0, 4.0])
    assert paired_bootstrap(same, same, np.arange(4), list("aabb"), direction="higher", seed=0).share_won == 0.5
    first = np.array([2.0, 2.0, 3.0, 3.0])
    assert paired_bootstrap(first, same, np.arange(4), list("aabb"), direction="higher", seed=0).share_won == 0.5
    assert paired_bootstrap(first, same, np.arange(4), list("aabb"), direction="lower", seed=0).share_won == 0.5


def test_a_pair_is_won_as_a_whole_and_people_are_resampled() -> None:
    """Frames of three pairs of two people; equal to the bootstrap of the differences by person."""
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(2, 60))
    first[5] = second[30] = np.nan
    groups, people = np.repeat([2, 0, 1], 20), ["a", "b", "a"]
    paired = paired_bootstrap(first, second, groups, people, direction="higher", seed=7)
    plain = cluster_bootstrap(first - second, [people[group] for group in groups], seed=7)
    assert (paired.difference.n, paired.difference.n_dropped) == (plain.n, plain.n_dropped) == (58, 2)
    np.testing.assert_allclose(
        (paired.difference.mean, paired.difference.ci_low, paired.difference.ci_high),
        (plain.mean, plain.ci_low, plain.ci_high),
        rtol=1e-12,
    )
    won = [np.nanmean((first - second)[groups == group]) > 0 for group in range(3)]
    assert (paired.share_won, paired.n_groups) == (np.mean(won), 3)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="N clusters"):
        cluster_bootstrap(np.zeros(3), ["a"], seed=0)
    with pytest.raises(ValueError, match="differ in shape"):
        paired_bootstrap(np.zeros(3), np.zeros(2), np.zeros(3, int), ["a"], direction="lower", seed=0)
    with pytest.raises(ValueError, match="pair number 2 of 2 pairs"):
        paired_bootstrap(np.zeros(3), np.zeros(3), np.arange(3), ["a", "b"], direction="lower", seed=0)
    with pytest.raises(ValueError, match="level"):
        cluster_bootstrap(np.zeros(3), ["a", "b", "c"], seed=0, level=95)
