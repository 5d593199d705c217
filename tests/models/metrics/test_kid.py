"""KID against a double loop, its interval against resampled rows."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reenactory.models.metrics.kid import kid, kid_interval
from reenactory.models.metrics.means import draw_clusters


def sets(n: int, m: int, size: int, shift: float = 0.5) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(1)
    real, generated = rng.gamma(0.5, 1.0, (n, size)), rng.gamma(0.5, 1.0, (m, size)) + shift
    return real.astype(np.float32), generated.astype(np.float32)


def naive(real: NDArray[np.float32], generated: NDArray[np.float32]) -> float:
    def kernel(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
        return (sum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / len(a) + 1.0) ** 3

    within = 0.0
    for rows in (real, generated):
        n = len(rows)
        within += sum(kernel(rows[i], rows[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    between = sum(kernel(a, b) for a in real for b in generated) / (len(real) * len(generated))
    return within - 2.0 * between


def test_equals_a_double_loop() -> None:
    real, generated = sets(9, 12, 20)
    assert kid(real, generated) == pytest.approx(naive(real, generated), rel=1e-12)


def test_is_unbiased() -> None:
    rng = np.random.default_rng(2)
    values = [kid(*rng.normal(size=(2, 10, 8))) for _ in range(400)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 20  # FID of such sets is far above 0
    assert min(values) < 0 < max(values)


def test_interval_equals_distances_of_resampled_rows() -> None:
    real, generated = sets(40, 40, 16)
    clusters = [f"person{i % 6}" for i in range(40)]
    interval = kid_interval(real, generated, clusters, seed=9, replicates=30)
    numbers = np.array([int(name[-1]) for name in clusters])
    values = []
    for draw in draw_clusters(6, 30, seed=9):
        rows = np.concatenate([np.flatnonzero(numbers == cluster) for cluster in draw])
        values.append(kid(real[rows], generated[rows]))
    low, high = np.percentile(np.array(values) - np.mean(values) + interval.mean, [2.5, 97.5])
    assert interval.mean == kid(real, generated)
    assert (interval.ci_low, interval.ci_high) == pytest.approx((low, high), rel=1e-9)


def test_one_person_has_no_interval_and_rows_must_match() -> None:
    real, generated = sets(12, 12, 8)
    assert np.isnan(kid_interval(real, generated, ["a"] * 12, seed=0).ci_low)
    with pytest.raises(ValueError, match="n rows each"):
        kid_interval(real, generated[:11], ["a"] * 12, seed=0)
    with pytest.raises(ValueError, match="two rows"):
        kid(real[:1], generated)
