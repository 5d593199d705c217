"""The picture of a log: every number has its place, nothing crashes on a log that has just begun."""

import numpy as np
import pytest

from reenactory.models.flow3d.curves import draw_curves

HALF = (260, 420)


def panels(picture: np.ndarray) -> list[np.ndarray]:
    rows, columns = HALF
    return [picture[r : r + rows, c : c + columns] for r in (0, rows) for c in (0, columns)]


def blue(panel: np.ndarray) -> np.ndarray:
    """Rows and columns of the strong curve, (N, 2)."""
    return np.argwhere(panel[..., 2].astype(int) - panel[..., 0] > 90)


def test_a_falling_loss_falls_and_a_rising_score_rises() -> None:
    lines = [{"step": step, "total": 100.0 - step, "examples_per_second": 5.0} for step in range(0, 100, 2)]
    lines += [
        {"step": step, "perceptual": 9.0 - step / 50, "copy_perceptual": 8.5, "psnr": 12.0 + step / 25}
        for step in (50, 99)
    ]
    picture = draw_curves(lines)
    assert picture.shape == (520, 840, 3) and picture.dtype == np.uint8
    loss, perceptual, psnr, speed = (blue(panel) for panel in panels(picture))
    for curve, direction in ((loss, 1), (perceptual, 1), (psnr, -1)):
        left, right = curve[curve[:, 1].argmin()], curve[curve[:, 1].argmax()]
        assert direction * (right[0] - left[0]) > 50  # rows count downwards
    assert np.ptp(speed[:, 0]) <= 2
    grey = np.argwhere(np.abs(panels(picture)[1].astype(int) - 150).max(axis=2) < 6)
    assert len(grey) > 20


@pytest.mark.parametrize("lines", [[], [{"step": 1, "total": 3.0}], [{"step": 1, "psnr": float("nan")}]])
def test_a_log_that_has_just_begun(lines: list[dict[str, float]]) -> None:
    picture = draw_curves(lines)
    assert picture.shape == (520, 840, 3)
    assert (len(blue(panels(picture)[0])) > 0) == any("total" in line for line in lines)
