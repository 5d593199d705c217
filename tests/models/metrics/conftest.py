"""Small natural frames for the metric tests."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    """(256, 256, 3) uint8 RGB photograph of a face (scikit-image's astronaut)."""
    return np.ascontiguousarray(data.astronaut()[:256, 96:352])


@pytest.fixture(scope="session")
def frame_pairs(photo: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Blurred, noisy, flat and bright, and unrelated pairs: (5, 256, 256, 3) uint8 each."""
    rng = np.random.default_rng(7)
    noise = rng.integers(0, 256, photo.shape, dtype=np.uint8)
    noisy = np.clip(photo + rng.normal(0, 12, photo.shape), 0, 255).astype(np.uint8)
    flat = np.full_like(photo, 255)
    generated = np.stack([cv2.GaussianBlur(photo, (0, 0), 2), noisy, flat, noise, noise[::-1]])
    target = np.stack([photo, photo, flat - 1, photo, noise])
    return generated, target
