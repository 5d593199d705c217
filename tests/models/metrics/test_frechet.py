"""Both routes of the Fréchet distance against the square root of scipy, and merging."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import linalg

from reenactory.models.metrics import frechet
from reenactory.models.metrics.frechet import FeatureStats, fid, frechet_distance


def _features(seed: int, n: int, size: int) -> NDArray[np.float32]:
    """Skewed, correlated and non-negative, as pooled activations are."""
    rng = np.random.default_rng(seed)
    mixing = rng.gamma(0.3, 1.0, (size, size)) / size
    return (rng.gamma(0.5 + 0.05 * seed, 1.0, (n, size)) @ mixing).astype(np.float32)


def _by_square_root(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """The textbook formula (Heusel 2017)."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(first @ second)
    gap = x.mean(axis=0) - y.mean(axis=0)
    return float(gap @ gap + np.trace(first + second - 2.0 * np.real(root)))


@pytest.mark.parametrize(("n_real", "n_generated"), [(200, 300), (97, 200)])
def test_both_routes_equal_scipy(n_real: int, n_generated: int) -> None:
    real, generated = _features(1, n_real, 48), _features(2, n_generated, 48)
    expected = _by_square_root(real, generated)
    assert fid(real, generated) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(FeatureStats.of(real), FeatureStats.of(generated)) == pytest.approx(expected, rel=1e-8)


def test_routes_agree_where_covariances_are_singular() -> None:
    """Fewer frames than dimensions, the usual case: scipy's root is unreliable here, the two routes are not."""
    real, generated = _features(1, 40, 256), _features(2, 30, 256)
    by_statistics = frechet_distance(FeatureStats.of(real), FeatureStats.of(generated))
    assert fid(real, generated) == pytest.approx(by_statistics, rel=1e-5)


def test_many_rows_take_the_covariance_route(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = _features(1, 120, 32), _features(2, 110, 32)
    by_gram = fid(real, generated)
    monkeypatch.setattr(frechet, "GRAM_ROUTE_MAX_N", 100)
    counts: list[int] = []

    def spied(first: FeatureStats, second: FeatureStats) -> float:
        counts.extend((first.count, second.count))
        return frechet_distance(first, second)

    monkeypatch.setattr(frechet, "frechet_distance", spied)
    assert fid(real, generated) == pytest.approx(by_gram, rel=1e-11)
    assert counts == [120, 110]


def test_known_distance() -> None:
    """Equal shape, shifted by 3 in one dimension: 9. Scaled by 2 about the mean: the trace of the covariance."""
    real = _features(1, 400, 8)
    shifted = real + np.array([3, 0, 0, 0, 0, 0, 0, 0], np.float32)
    assert fid(real, shifted) == pytest.approx(9.0, rel=1e-5)
    centred = (real - real.mean(axis=0)).astype(np.float64)
    assert fid(centred, 2 * centred) == pytest.approx(np.trace(np.cov(centred, rowvar=False)), rel=1e-9)


def test_distance_to_itself_is_nought() -> None:
    real = _features(1, 60, 64)
    assert fid(real, real) == pytest.approx(0.0, abs=1e-9)


def test_what_has_no_distance_is_refused() -> None:
    real = _features(1, 10, 8)
    with pytest.raises(ValueError, match="two rows"):
        fid(real, real[:1])
    with pytest.raises(ValueError, match="expected features"):
        fid(real, real[:, :4])
    broken = real.copy()
    broken[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        fid(real, broken)
    with pytest.raises(ValueError, match="two rows"):
        frechet_distance(FeatureStats.of(real), FeatureStats.of(real[:1]))
