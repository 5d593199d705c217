"""The rebuilt Inception against the published network, and its input."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from reenactory.models.metrics.frechet import fid
from reenactory.models.metrics.inception import Inception2015, prepare


def test_input_is_resized_with_half_pixel_centres() -> None:
    """Bilinear from 256 to 299, one pixel at a time."""
    frame = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    prepared = prepare(torch.from_numpy(frame[None]))[0].numpy()
    assert prepared.shape == (3, 299, 299)
    for y, x in [(0, 0), (17, 200), (298, 298), (150, 3)]:
        v = min(max((y + 0.5) * 256 / 299 - 0.5, 0.0), 255.0)
        u = min(max((x + 0.5) * 256 / 299 - 0.5, 0.0), 255.0)
        top, left = int(v), int(u)
        down, right = min(top + 1, 255), min(left + 1, 255)
        fv, fu = v - top, u - left
        value = (1 - fv) * ((1 - fu) * frame[top, left] + fu * frame[top, right]) + fv * (
            (1 - fu) * frame[down, left] + fu * frame[down, right]
        )
        np.testing.assert_allclose(prepared[:, y, x], (value - 128) / 128, atol=1e-5)


@pytest.mark.weights
def test_features_equal_the_published_network(
    weight: Callable[[str], Path], frame_pairs: tuple[NDArray[np.uint8], NDArray[np.uint8]]
) -> None:
    frames = frame_pairs[0][:4]
    path = weight("inception_2015")
    with torch.inference_mode():
        published = torch.jit.load(path, map_location="cpu")(prepare(torch.from_numpy(frames))).numpy()
    rebuilt = Inception2015(path, torch.device("cpu")).features(frames, batch=3)
    assert rebuilt.shape == (4, 2048) and rebuilt.dtype == np.float32
    np.testing.assert_allclose(rebuilt, published, rtol=0, atol=1e-5 * published.max())
    assert fid(published, rebuilt) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.weights
def test_wrong_frames_are_refused(weight: Callable[[str], Path]) -> None:
    network = Inception2015(weight("inception_2015"), torch.device("cpu"))
    with pytest.raises(TypeError, match="uint8"):
        network.features(np.zeros((1, 64, 64, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="T, H, W, 3"):
        network.features(np.zeros((1, 3, 64, 64), np.uint8))
    assert network.features(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0, 2048)
