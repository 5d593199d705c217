"""Pixel metrics of 8-bit RGB frames: PSNR, SSIM with two windows, L1."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
PerFrame = NDArray[np.float64]
Plane = NDArray[np.float64]

PSNR_CAP_DB = 100.0
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2


def check_frame_pair(generated: Frames, target: Frames, min_side: int = 1) -> None:
    """Refuse what is not two equal (T, H, W, 3) uint8 arrays with sides of at least ``min_side`` pixels.

    Raises:
        TypeError: an array is not uint8.
        ValueError: shapes differ, are not (T, H, W, 3), or are too small.
    """
    if generated.dtype != np.uint8 or target.dtype != np.uint8:
        raise TypeError(f"frames must be uint8 RGB in [0, 255], got {generated.dtype} and {target.dtype}")
    if generated.shape != target.shape:
        raise ValueError(f"generated and target frames differ in shape: {generated.shape} and {target.shape}")
    if generated.ndim != 4 or generated.shape[3] != 3 or min(generated.shape[1:3]) < min_side:
        raise ValueError(f"frames must be (T, H, W, 3) with H, W >= {min_side}, got {generated.shape}")


def _per_frame(measure: Callable[[Frames, Frames], float], generated: Frames, target: Frames) -> PerFrame:
    return np.array([measure(a, b) for a, b in zip(generated, target, strict=True)], dtype=np.float64)


def psnr(generated: Frames, target: Frames) -> PerFrame:
    """Peak signal-to-noise ratio per frame, dB, capped at 100.

    Args:
        generated: (T, H, W, 3) uint8 RGB.
        target: as ``generated``.

    Returns:
        (T,) float64 in [0, 100]; exactly 100 where the frames are identical.
    """
    check_frame_pair(generated, target)
    pixels = float(np.prod(generated.shape[1:]))
    squared = _per_frame(lambda a, b: float(cv2.norm(a, b, cv2.NORM_L2SQR)), generated, target)
    with np.errstate(divide="ignore"):
        decibels = 10.0 * np.log10(255.0**2 * pixels / squared)
    return np.minimum(decibels, PSNR_CAP_DB)


def l1(generated: Frames, target: Frames) -> PerFrame:
    """Mean absolute difference per frame of values in [0, 1] (FOMM reconstruction).

    Args:
        generated: (T, H, W, 3) uint8 RGB.
        target: as ``generated``.

    Returns:
        (T,) float64 in [0, 1].
    """
    check_frame_pair(generated, target)
    pixels = float(np.prod(generated.shape[1:]))
    return _per_frame(lambda a, b: float(cv2.norm(a, b, cv2.NORM_L1)), generated, target) / (255.0 * pixels)


def ssim_gaussian(generated: Frames, target: Frames) -> PerFrame:
    """Structural similarity per frame with Wang's 2004 settings.

    Gaussian 11x11 window, sigma 1.5, biased covariance, K1 .01, K2 .03, L 255; mean over the pixels whose window lies
    inside the frame, and over RGB.

    Args:
        generated: (T, H, W, 3) uint8 RGB, H and W at least 11.
        target: as ``generated``.

    Returns:
        (T,) float64 in [-1, 1].
    """
    check_frame_pair(generated, target, min_side=11)
    offsets = np.arange(-5, 6, dtype=np.float64)
    taps = np.exp(-(offsets**2) / (2 * 1.5**2))
    taps /= taps.sum()

    def window(source: Plane, result: Plane) -> None:
        cv2.sepFilter2D(source, cv2.CV_64F, taps, taps, dst=result)

    return _ssim(generated, target, radius=5, window=window, covariance_scale=1.0)


def ssim_uniform7(generated: Frames, target: Frames) -> PerFrame:
    """Structural similarity per frame with a uniform 7x7 window and sample covariance (scikit-image's defaults).

    Args:
        generated: (T, H, W, 3) uint8 RGB, H and W at least 7.
        target: as ``generated``.

    Returns:
        (T,) float64 in [-1, 1].
    """
    check_frame_pair(generated, target, min_side=7)

    def window(source: Plane, result: Plane) -> None:
        cv2.boxFilter(source, cv2.CV_64F, (7, 7), dst=result)

    return _ssim(generated, target, radius=3, window=window, covariance_scale=49 / 48)


def _ssim(
    generated: Frames,
    target: Frames,
    radius: int,
    window: Callable[[Plane, Plane], None],
    covariance_scale: float,
) -> PerFrame:
    """SSIM of every frame pair; ``window`` filters its first argument into its second.

    float64, since float32 errs by 3e-5 where a frame is bright and flat. One workspace for all frames: fresh 1.5 MB
    temporaries cost ten times the arithmetic in page faults.
    """
    height, width = generated.shape[1:3]
    work = np.empty((6, height, width, 3))
    inside = np.s_[radius : height - radius, radius : width - radius]
    values = np.empty(len(generated))
    for index in range(len(generated)):
        _windowed_moments(generated[index], target[index], window, work)
        mean_x, mean_y, covariance, variances, product, energy = work
        np.multiply(mean_x, mean_y, out=product)
        np.multiply(mean_x, mean_x, out=energy)
        energy += np.multiply(mean_y, mean_y, out=mean_y)
        covariance -= product
        variances -= energy
        product *= 2.0
        product += _C1
        covariance *= 2.0 * covariance_scale
        covariance += _C2
        energy += _C1
        variances *= covariance_scale
        variances += _C2
        product *= covariance
        energy *= variances
        product /= energy
        values[index] = product[inside].mean()
    return values


def _windowed_moments(first: Frames, second: Frames, window: Callable[[Plane, Plane], None], work: Plane) -> None:
    """Fill ``work[:4]`` with the windowed x, y, xy and x^2 + y^2: only the sum of both variances enters SSIM."""
    x, y = work[4], work[5]
    np.copyto(x, first)
    np.copyto(y, second)
    window(x, work[0])
    window(y, work[1])
    scratch = work[3]
    np.multiply(x, y, out=scratch)
    window(scratch, work[2])
    x *= x
    y *= y
    x += y
    window(x, work[3])
