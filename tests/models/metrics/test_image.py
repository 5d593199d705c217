"""Pixel metrics against scikit-image."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from reenactory.models.metrics.image import l1, psnr, ssim_gaussian, ssim_uniform7

Pairs = tuple[NDArray[np.uint8], NDArray[np.uint8]]
METRICS = (psnr, l1, ssim_gaussian, ssim_uniform7)


def test_psnr_equals_scikit_image(frame_pairs: Pairs) -> None:
    generated, target = frame_pairs
    expected = [peak_signal_noise_ratio(b, a, data_range=255) for a, b in zip(generated, target, strict=True)]
    np.testing.assert_allclose(psnr(generated, target), expected, atol=1e-10)


def test_ssim_gaussian_equals_scikit_image(frame_pairs: Pairs) -> None:
    generated, target = frame_pairs
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        structural_similarity(a, b, channel_axis=2, data_range=255, **settings)
        for a, b in zip(generated, target, strict=True)
    ]
    np.testing.assert_allclose(ssim_gaussian(generated, target), expected, atol=1e-10)


def test_ssim_uniform7_equals_scikit_image(frame_pairs: Pairs) -> None:
    generated, target = frame_pairs
    expected = [
        structural_similarity(a, b, channel_axis=2, data_range=255) for a, b in zip(generated, target, strict=True)
    ]
    np.testing.assert_allclose(ssim_uniform7(generated, target), expected, atol=1e-10)


@pytest.mark.parametrize("size", [(11, 11), (11, 40), (37, 23)])
def test_ssim_of_small_and_oblong_frames(size: tuple[int, int]) -> None:
    a, b = np.random.default_rng(0).integers(0, 256, (2, 1, *size, 3), dtype=np.uint8)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = structural_similarity(a[0], b[0], channel_axis=2, data_range=255, **settings)
    assert ssim_gaussian(a, b)[0] == pytest.approx(expected, abs=1e-10)


def test_l1_is_the_mean_in_unit_range(frame_pairs: Pairs) -> None:
    generated, target = frame_pairs
    expected = np.abs(generated / 255.0 - target / 255.0).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(l1(generated, target), expected, atol=1e-12)


def test_identical_frames_are_capped_and_exact(photo: NDArray[np.uint8]) -> None:
    frames = photo[None]
    assert psnr(frames, frames)[0] == 100.0
    assert l1(frames, frames)[0] == 0.0
    assert ssim_gaussian(frames, frames)[0] == pytest.approx(1.0, abs=1e-12)
    assert ssim_uniform7(frames, frames)[0] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_each_frame_is_scored_alone(metric, frame_pairs: Pairs) -> None:
    generated, target = frame_pairs
    alone = [metric(generated[i : i + 1], target[i : i + 1])[0] for i in range(len(target))]
    np.testing.assert_array_equal(metric(generated, target), alone)


@pytest.mark.parametrize("metric", METRICS)
def test_views_that_are_not_contiguous_score_the_same(metric, frame_pairs: Pairs) -> None:
    generated, target = frame_pairs
    mirrored = metric(generated[:, :, ::-1, ::-1], target[:, :, ::-1, ::-1])
    np.testing.assert_allclose(mirrored, metric(generated, target), atol=1e-10)


@pytest.mark.parametrize("metric", METRICS)
def test_wrong_frames_are_refused(metric, photo: NDArray[np.uint8]) -> None:
    frames = photo[None]
    with pytest.raises(TypeError, match="uint8"):
        metric(frames / 255.0, frames)
    with pytest.raises(ValueError, match="differ in shape"):
        metric(frames, frames[:, :128])
    with pytest.raises(ValueError, match="T, H, W, 3"):
        metric(photo, photo)
    assert metric(frames[:0], frames[:0]).shape == (0,)
