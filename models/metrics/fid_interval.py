"""Interval of a pooled FID: identities are resampled, the features are multiplied out only once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from reenactory.models.metrics.frechet import Features, check_features, fid
from reenactory.models.metrics.means import LEVEL, REPLICATES, Interval
from reenactory.models.metrics.set_interval import check_same_rows, set_interval


def fid_interval(
    real: Features,
    generated: Features,
    clusters: Sequence[str],
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Interval:
    """Pooled FID with an interval, real and generated frames of an identity resampled together.

    A resample repeats frames, has fewer distinct ones and so a larger FID than the sample: at n = 200 the plain
    percentile interval lies wholly above the value it is to surround. The replicates are therefore shifted to have
    the value as their mean; the interval says how the value varies with the people drawn, not that FID is unbiased.

    Cost is that of one n' x n' eigenvalue problem per distinct resample, n' being about 0.63 n: see
    benchmarks/metrics.py. Two identities have 3 distinct resamples, five have 126.

    Args:
        real: (n, D) float32 or float64 features, n >= 2.
        generated: (n, D), row by row the frames that belong to the same pair as those of ``real``.
        clusters: n identities.
        seed: of the resampling.
        replicates: number of resamples.
        level: coverage, in (0, 1).

    Returns:
        ``mean`` is the FID of the sets themselves; the interval is NaN with fewer than two identities.

    Raises:
        ValueError: shapes or lengths differ, a value is not finite, or ``level`` is outside (0, 1).
    """
    check_features(real, generated)
    check_same_rows(real, generated, clusters)

    def resample(times_drawn: NDArray[np.int64], index: NDArray[np.intp]) -> NDArray[np.float64]:
        return _weighted_fids(real, generated, times_drawn[:, index].astype(np.float64))

    value = fid(real, generated)
    return set_interval(value, clusters, resample, seed=seed, replicates=replicates, level=level)


def _weighted_fids(real: Features, generated: Features, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """FID of each resample; ``weights`` (R, n) says how often it holds each row."""
    x, y = real.astype(np.float64), generated.astype(np.float64)
    centre = x.mean(axis=0)  # the distance does not change, the subtractions below lose fewer digits
    x -= centre
    y -= centre
    gram = x @ y.T  # (n, n)
    sizes = weights.sum(axis=1)  # (R,)
    mean_x, mean_y = weights @ x / sizes[:, None], weights @ y / sizes[:, None]  # (R, D)
    energy = weights @ (np.square(x).sum(axis=1) + np.square(y).sum(axis=1))
    traces = energy - sizes * (np.square(mean_x).sum(axis=1) + np.square(mean_y).sum(axis=1))
    cross = np.array([_weighted_nuclear_norm(gram, row) for row in weights])
    return np.asarray(np.square(mean_x - mean_y).sum(axis=1) + (traces - 2.0 * cross) / (sizes - 1.0))


def _weighted_nuclear_norm(gram: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Nuclear norm of the cross-Gram matrix of a resample, centred; a row that is drawn k times counts sqrt(k).

    Through the eigenvalues of A A': 2.6 times faster than singular values, which they give to 1e-8 of the largest.
    """
    drawn = np.flatnonzero(weights)
    w = weights[drawn]
    block = gram[np.ix_(drawn, drawn)]
    rows, columns = block @ w / w.sum(), w @ block / w.sum()
    root = np.sqrt(w)
    centred = (block - rows[:, None] - columns[None, :] + w @ rows / w.sum()) * np.outer(root, root)
    squares = linalg.eigvalsh(centred @ centred.T, overwrite_a=True, check_finite=False)
    return float(np.sqrt(np.clip(squares, 0.0, None)).sum())
