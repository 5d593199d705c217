"""What lies behind the person: the mask, and both metrics against plain numpy in float64."""

import math

import numpy as np
import pytest

from reenactory.models.metrics.background import background_mask, background_psnr, background_stability


def test_the_mask_keeps_away_from_everybody() -> None:
    source, driving = np.zeros((50, 50), np.uint8), np.zeros((3, 50, 50), np.uint8)
    source[10, 10] = 255
    driving[1, 40, 40] = 20
    driving[2, 10, 40] = 12  # 4.7 %: nobody
    mask = background_mask(source, driving)
    rows, columns = np.indices(mask.shape)
    near = np.minimum(np.hypot(rows - 10, columns - 10), np.hypot(rows - 40, columns - 40))
    assert not mask[near <= 2].any()
    assert mask[near > 3].all()
    with pytest.raises(ValueError, match="differ in size"):
        background_mask(source, driving[:, :40])


def test_both_equal_numpy() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (5, 20, 30, 3), dtype=np.uint8)
    mask = rng.random((20, 30)) < 0.4
    assert background_stability(frames, mask) == pytest.approx(frames.astype(float).std(axis=0)[mask].mean(), rel=1e-12)
    source = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    errors = [((frame[mask].astype(float) - source[mask]) ** 2).mean() for frame in frames]
    expected = np.mean([10 * math.log10(255**2 / error) for error in errors])
    assert background_psnr(frames, source, mask) == pytest.approx(expected, rel=1e-12)


def test_a_person_who_moves_before_a_wall_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    source = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    mask = np.zeros((20, 30), bool)
    mask[:, :10] = True
    frames = source[None].repeat(4, axis=0)
    frames[:, :, 10:] = rng.integers(0, 256, (4, 20, 20, 3))
    assert background_stability(frames, mask) == 0.0
    assert background_psnr(frames, source, mask) == 100.0


def test_no_background_is_no_value() -> None:
    frames, mask = np.zeros((3, 20, 30, 3), np.uint8), np.zeros((20, 30), bool)
    mask[0, :5] = True
    assert math.isnan(background_stability(frames, mask)) and math.isnan(background_psnr(frames, frames[0], mask))
    assert math.isnan(background_stability(frames[:1], ~mask)) and math.isnan(
        background_psnr(frames[:0], frames[0], ~mask)
    )
