"""Kernel distance between two sets of features (Bińkowski 2018, KID), with an interval over identities."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reenactory.models.metrics.frechet import Features, check_features
from reenactory.models.metrics.means import LEVEL, REPLICATES, Interval
from reenactory.models.metrics.set_interval import check_same_rows, set_interval

Kernel = NDArray[np.float64]


def kid(real: Features, generated: Features) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3, of the sets as a whole.

    Args:
        real: (n, D) float32 or float64, n >= 2.
        generated: (m, D), m >= 2.

    Returns:
        The estimate; its mean over samples is 0 where both come from one distribution, so it may be negative.

    Raises:
        ValueError: shapes do not match, fewer than two rows, or a value is not finite.
    """
    check_features(real, generated)
    return _estimate(_kernels(real, generated))


def _estimate(kernels: tuple[Kernel, Kernel, Kernel]) -> float:
    within_real, within_generated, between = kernels
    n, m = between.shape
    return float(
        (within_real.sum() - np.trace(within_real)) / (n * (n - 1))
        + (within_generated.sum() - np.trace(within_generated)) / (m * (m - 1))
        - 2.0 * between.mean()
    )


def kid_interval(
    real: Features,
    generated: Features,
    clusters: Sequence[str],
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Interval:
    """KID with an interval, real and generated frames of an identity resampled together.

    A resample repeats frames, and a frame is like itself: replicates are shifted to have the value as their mean, as
    those of ``fid_interval`` are. They need the kernels' sums by pair of identities only, so they cost next to nothing.

    Args:
        real: (n, D) features, n >= 2.
        generated: (n, D), row by row the frames that belong to the same pair as those of ``real``.
        clusters: n identities.
        seed: of the resampling.
        replicates: number of resamples.
        level: coverage, in (0, 1).

    Returns:
        ``mean`` is the KID of the sets themselves; the interval is NaN with fewer than two identities.

    Raises:
        ValueError: shapes or lengths differ, a value is not finite, or ``level`` is outside (0, 1).
    """
    check_features(real, generated)
    check_same_rows(real, generated, clusters)
    kernels = _kernels(real, generated)

    def resample(times_drawn: NDArray[np.int64], index: NDArray[np.intp]) -> NDArray[np.float64]:
        return _resampled(kernels, index, times_drawn.astype(np.float64))

    return set_interval(_estimate(kernels), clusters, resample, seed=seed, replicates=replicates, level=level)


def _kernels(real: Features, generated: Features) -> tuple[Kernel, Kernel, Kernel]:
    x, y = real.astype(np.float64), generated.astype(np.float64)
    size = x.shape[1]
    return (x @ x.T / size + 1.0) ** 3, (y @ y.T / size + 1.0) ** 3, (x @ y.T / size + 1.0) ** 3


def _resampled(
    kernels: tuple[Kernel, Kernel, Kernel], index: NDArray[np.intp], times_drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """KID of each resample; ``times_drawn`` (R, C) says how often it holds each cluster."""
    member = np.eye(times_drawn.shape[1])[index]  # (n, C)
    sizes = times_drawn @ member.sum(axis=0)  # (R,)
    sums = [np.einsum("rc,cd,rd->r", times_drawn, member.T @ kernel @ member, times_drawn) for kernel in kernels]
    alone = [times_drawn @ (member.T @ np.diagonal(kernel)) for kernel in kernels[:2]]  # a row with itself
    within = sum((whole - own) / (sizes * (sizes - 1.0)) for whole, own in zip(sums[:2], alone, strict=True))
    return np.asarray(within - 2.0 * sums[2] / sizes**2)
