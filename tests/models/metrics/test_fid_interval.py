"""The interval of FID against resampled features, row by row."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reenactory.models.metrics.fid_interval import fid_interval
from reenactory.models.metrics.frechet import fid
from reenactory.models.metrics.means import draw_clusters


def _sets(n: int, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32], list[str]]:
    rng = np.random.default_rng(4)
    clusters = [f"person{i % 6}" for i in range(n)]
    offsets = rng.normal(0, 1, (6, size))[[i % 6 for i in range(n)]]
    real = (offsets + rng.normal(0, 1, (n, size))).astype(np.float32)
    return real, (real * 0.8 + rng.normal(0.3, 0.5, (n, size))).astype(np.float32), clusters


def test_equals_distances_of_resampled_rows() -> None:
    real, generated, clusters = _sets(40, 64)
    interval = fid_interval(real, generated, clusters, seed=9, replicates=25)
    numbers = np.array([int(name[-1]) for name in clusters])
    values = []
    for draw in draw_clusters(6, 25, seed=9):
        rows = np.concatenate([np.flatnonzero(numbers == cluster) for cluster in draw])
        values.append(fid(real[rows], generated[rows]))
    low, high = np.percentile(np.array(values) - np.mean(values) + interval.mean, [2.5, 97.5])
    assert interval.mean == fid(real, generated)
    assert (interval.ci_low, interval.ci_high) == pytest.approx((low, high), rel=1e-5)
    assert interval.ci_low < interval.mean < interval.ci_high


def test_one_person_has_no_interval() -> None:
    real, generated, _ = _sets(12, 8)
    interval = fid_interval(real, generated, ["a"] * 12, seed=0)
    assert np.isnan(interval.ci_low) and np.isnan(interval.ci_high) and interval.n_clusters == 1


def test_rows_must_match() -> None:
    real, generated, clusters = _sets(12, 8)
    with pytest.raises(ValueError, match="n rows each"):
        fid_interval(real, generated[:11], clusters, seed=0)
